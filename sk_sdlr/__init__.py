"""Neural nets for scikit-learn that train on the rows they have not learnt yet."""

from .estimators import ShrinkingDNNClassifier, ShrinkingDNNRegressor
from .policies import FullData, RandomSubset, ShrinkRecall
from .training import ActiveSetNet

__version__ = "0.1.0"

__all__ = [
    "ActiveSetNet",
    "FullData",
    "RandomSubset",
    "ShrinkRecall",
    "ShrinkingDNNClassifier",
    "ShrinkingDNNRegressor",
]
