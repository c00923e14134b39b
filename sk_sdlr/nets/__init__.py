"""Runs with the face of a skorch net, and policies for a stock one."""

from ._callback import PolicyCallback
from ._net import ActiveSetNet
from ._net_classifier import ActiveSetNetClassifier

__all__ = ["ActiveSetNet", "ActiveSetNetClassifier", "PolicyCallback"]
