"""Shrinking deep neural networks (multi-layer perceptrons)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ._docs import documented
from ._mlp import BaseMLP
from ._rows import Rows
from ._targets import ShrinkingClassifierMixin, ShrinkingRegressorMixin


@dataclass(kw_only=True, eq=False, repr=False)
class BaseDNN(BaseMLP):
    """What the DNN estimators share."""

    hidden_layer_sizes: Any = field(default=(256, 256, 256), kw_only=False)
    activation: str = "silu"
    dropout: float = 0.2
    batch_norm: bool = True

    _parameter_constraints: ClassVar[dict] = {
        **BaseMLP._parameter_constraints,
        "batch_norm": ["boolean"],
    }

    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        module, params = super()._module(rows)
        return module, params | {"batch_norm": self.batch_norm}


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingDNNClassifier(ShrinkingClassifierMixin, BaseDNN):
    """Multi-layer perceptron classifier that trains on a shrinking set of rows.

    $shrinking

    Parameters
    ----------
    $mlp_parameters
    $classifier_parameters
    $training_parameters

    Attributes
    ----------
    $classes
    $attributes

    See Also
    --------
    ShrinkingDNNRegressor : The same for numbers as targets.
    ShrinkingDBNClassifier : The same, pretrained without targets.
    sk_sdlr.policies : Other rules of which rows to leave out.

    Notes
    -----
    $notes

    References
    ----------
    $reference

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sk_sdlr import ShrinkingDNNClassifier
    >>> X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    >>> model = make_pipeline(StandardScaler(), ShrinkingDNNClassifier(random_state=0)).fit(X, y)
    >>> model.score(X_test, y_test) > 0.97
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseDNN._parameter_constraints,
        **ShrinkingClassifierMixin._target_constraints,
    }


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingDNNRegressor(ShrinkingRegressorMixin, BaseDNN):
    """Multi-layer perceptron regressor that trains on a shrinking set of rows.

    $shrinking

    Parameters
    ----------
    $mlp_parameters
    $regressor_parameters
    $training_parameters

    Attributes
    ----------
    $attributes

    See Also
    --------
    ShrinkingDNNClassifier : The same for classes as targets.
    ShrinkingDBNRegressor : The same, pretrained without targets.
    sk_sdlr.policies : Other rules of which rows to leave out.

    Notes
    -----
    $notes

    References
    ----------
    $reference

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sk_sdlr import ShrinkingDNNRegressor
    >>> X, y = make_friedman1(1000, random_state=0)
    >>> net = ShrinkingDNNRegressor(random_state=0).fit(X[:800], y[:800])
    >>> net.score(X[800:], y[800:]) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseDNN._parameter_constraints,
        **ShrinkingRegressorMixin._target_constraints,
    }
