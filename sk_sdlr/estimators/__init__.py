"""What the user sees: scikit-learn estimators."""

from ._cnn_classifier import ShrinkingCNNClassifier
from ._cnn_regressor import ShrinkingCNNRegressor
from ._dbn_classifier import ShrinkingDBNClassifier
from ._dbn_regressor import ShrinkingDBNRegressor
from ._dnn_classifier import ShrinkingDNNClassifier
from ._dnn_regressor import ShrinkingDNNRegressor
from ._module_classifier import ShrinkingClassifier
from ._module_regressor import ShrinkingRegressor

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
