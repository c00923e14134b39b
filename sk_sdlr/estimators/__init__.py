"""What the user sees: scikit-learn estimators."""

from ._dnn import ShrinkingDNNClassifier, ShrinkingDNNRegressor

__all__ = ["ShrinkingDNNClassifier", "ShrinkingDNNRegressor"]
