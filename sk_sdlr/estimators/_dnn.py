"""Shrinking deep neural networks (multi-layer perceptrons)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from ._mlp import BaseMLP
from ._rows import Rows


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
