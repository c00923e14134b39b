"""What the user sees: scikit-learn estimators."""

from ._cnn import ShrinkingCNNClassifier, ShrinkingCNNRegressor
from ._dbn import ShrinkingDBNClassifier, ShrinkingDBNRegressor
from ._dnn import ShrinkingDNNClassifier, ShrinkingDNNRegressor
from ._module import ShrinkingClassifier, ShrinkingRegressor

__all__ = [
    "ShrinkingCNNClassifier",
    "ShrinkingCNNRegressor",
    "ShrinkingClassifier",
    "ShrinkingDBNClassifier",
    "ShrinkingDBNRegressor",
    "ShrinkingDNNClassifier",
    "ShrinkingDNNRegressor",
    "ShrinkingRegressor",
]
