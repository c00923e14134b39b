"""Neural nets for scikit-learn that train on the rows they have not learnt yet."""

from .estimators import (
    ShrinkingCNNClassifier,
    ShrinkingCNNRegressor,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
)
from .policies import FullData, RandomSubset, ShrinkRecall
from .training import ActiveSetNet

__version__ = "0.1.0"

__all__ = [
    "ActiveSetNet",
    "FullData",
    "RandomSubset",
    "ShrinkRecall",
    "ShrinkingCNNClassifier",
    "ShrinkingCNNRegressor",
    "ShrinkingDNNClassifier",
    "ShrinkingDNNRegressor",
]
