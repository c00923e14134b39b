"""Neural nets for scikit-learn that train on the rows they have not learnt yet."""

from .estimators import (
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingCNNRegressor,
    ShrinkingDBNClassifier,
    ShrinkingDBNRegressor,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    ShrinkingRegressor,
)
from .nets import ActiveSetNet, PolicyCallback
from .policies import (
    AutoRecall,
    FullData,
    InfoBatch,
    RandomSubset,
    SelectiveBackprop,
    ShrinkRecall,
)

__version__ = "0.1.0"

__all__ = [
    "ActiveSetNet",
    "AutoRecall",
    "FullData",
    "InfoBatch",
    "PolicyCallback",
    "RandomSubset",
    "SelectiveBackprop",
    "ShrinkRecall",
    "ShrinkingCNNClassifier",
    "ShrinkingCNNRegressor",
    "ShrinkingClassifier",
    "ShrinkingDBNClassifier",
    "ShrinkingDBNRegressor",
    "ShrinkingDNNClassifier",
    "ShrinkingDNNRegressor",
    "ShrinkingRegressor",
]
