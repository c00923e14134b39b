"""What the user sees: scikit-learn estimators."""

from ._cnn import ShrinkingCNNClassifier, ShrinkingCNNRegressor
from ._dnn import ShrinkingDNNClassifier, ShrinkingDNNRegressor

__all__ = [
    "ShrinkingCNNClassifier",
    "ShrinkingCNNRegressor",
    "ShrinkingDNNClassifier",
    "ShrinkingDNNRegressor",
]
