"""Shrinking deep neural networks (multi-layer perceptrons)."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions

from ..modules import ACTIVATIONS, MLP
from ._base import BaseShrinkingEstimator
from ._docs import documented
from ._rows import Rows
from ._targets import ShrinkingClassifierMixin, ShrinkingRegressorMixin


@dataclass(kw_only=True, eq=False, repr=False)
class BaseMLP(BaseShrinkingEstimator):
    """What estimators on a multi-layer perceptron share."""

    hidden_layer_sizes: Any = field(default=(256, 256, 256), kw_only=False)
    activation: str = "silu"
    dropout: float = 0.2
    batch_norm: bool = True

    _parameter_constraints: ClassVar[dict] = {
        **BaseShrinkingEstimator._parameter_constraints,
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
    }

    def _check_parameters(self) -> None:
        super()._check_parameters()
        sizes = self._hidden_sizes()
        if not all(isinstance(size, Integral) and size > 0 for size in sizes):
            raise ValueError(
                "hidden_layer_sizes must be a positive int or a sequence of them, "
                f"however: hidden_layer_sizes={self.hidden_layer_sizes!r}."
            )

    def _hidden_sizes(self) -> tuple[int, ...]:
        sizes = self.hidden_layer_sizes
        return (int(sizes),) if isinstance(sizes, Integral) else tuple(sizes)

    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        return MLP, {
            "n_inputs": rows.X.shape[1],
            "n_outputs": self._n_outputs(rows),
            "hidden_layer_sizes": self._hidden_sizes(),
            "activation": self.activation,
            "output_activation": self._output_activation(),
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
        }


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingDNNClassifier(ShrinkingClassifierMixin, BaseMLP):
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
        **BaseMLP._parameter_constraints,
        **ShrinkingClassifierMixin._target_constraints,
    }


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingDNNRegressor(ShrinkingRegressorMixin, BaseMLP):
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
        **BaseMLP._parameter_constraints,
        **ShrinkingRegressorMixin._target_constraints,
    }
