"""Shrinking deep neural networks (multi-layer perceptrons)."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval

from ._mlp import BaseMLP
from ._rows import Rows

# By how much the weights of features learn faster than the others.
SCALING_RATE = 6


@dataclass(kw_only=True, eq=False, repr=False)
class BaseDNN(BaseMLP):
    """What the DNN estimators share."""

    hidden_layer_sizes: Any = field(default=(256, 256, 256), kw_only=False)
    activation: str = "silu"
    dropout: float = 0.2
    batch_norm: bool = True
    n_members: int = 1
    scaling: bool = False

    _parameter_constraints: ClassVar[dict] = {
        **BaseMLP._parameter_constraints,
        "batch_norm": ["boolean"],
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "scaling": ["boolean"],
    }

    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        module, params = super()._module(rows)
        return module, params | {
            "batch_norm": self.batch_norm,
            "n_members": self.n_members,
            "scaling": self.scaling,
        }

    def _param_groups(self) -> list[tuple[str, dict[str, Any]]]:
        if not self.scaling:
            return []
        return [("scaling.*", {"lr": SCALING_RATE * self.lr})]
