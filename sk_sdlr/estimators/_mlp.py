"""What estimators on a multi-layer perceptron share."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval, StrOptions

from ..modules import ACTIVATIONS, MLP
from ._base import BaseShrinkingEstimator
from ._rows import Rows


@dataclass(kw_only=True, eq=False, repr=False)
class BaseMLP(BaseShrinkingEstimator):
    """What estimators on a multi-layer perceptron share."""

    hidden_layer_sizes: Any = field(default=(), kw_only=False)
    activation: str = "relu"
    dropout: float = 0.0

    _parameter_constraints: ClassVar[dict] = {
        **BaseShrinkingEstimator._parameter_constraints,
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def _check_parameters(self) -> None:
        super()._check_parameters()
        sizes = self._hidden_sizes()
        if not all(isinstance(size, Integral) and size > 0 for size in sizes):
            raise ValueError(
                f"The 'hidden_layer_sizes' parameter of {type(self).__name__} must be a positive "
                f"int or a sequence of them. Got {self.hidden_layer_sizes!r} instead."
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
        }
