"""How an epoch runs."""

from ._callback import PolicyCallback
from ._contrastive_divergence import ContrastiveDivergenceStep
from ._dense_step import DenseStep
from ._errors import SquaredError, per_sample_error
from ._net import ActiveSetNet
from ._net_classifier import ActiveSetNetClassifier
from ._pretrain import pretrain
from ._schedule import Budget, LearningRate
from ._steps import AutogradStep, Step

__all__ = [
    "ActiveSetNet",
    "ActiveSetNetClassifier",
    "AutogradStep",
    "Budget",
    "ContrastiveDivergenceStep",
    "DenseStep",
    "LearningRate",
    "PolicyCallback",
    "SquaredError",
    "Step",
    "per_sample_error",
    "pretrain",
]
