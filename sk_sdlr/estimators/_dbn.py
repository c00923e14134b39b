"""Shrinking deep belief networks: perceptrons whose layers are pretrained without targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from ..runs import pretrain
from ._datasets import as_tensor
from ._dtypes import precision
from ._mlp import BaseMLP
from ._policies import resolve_policy
from ._rows import Rows


@dataclass(kw_only=True, eq=False, repr=False)
class BaseDBN(BaseMLP):
    """What the DBN estimators share."""

    hidden_layer_sizes: Any = field(default=(256,), kw_only=False)
    activation: str = "sigmoid"
    dropout: float = 0.0
    lr: float = 0.01
    visible: str = "auto"
    pretrain_epochs: int = 10
    pretrain_lr: float = 0.05
    pretrain_momentum: float | str = "auto"
    pretrain_weight_decay: float = 2e-4
    pretrain_batch_size: int | str = "auto"
    cd_k: int = 1
    persistent: bool = False
    pretrain_shrink: bool = False

    _parameter_constraints: ClassVar[dict] = {
        **BaseMLP._parameter_constraints,
        "visible": [StrOptions({"auto", "bernoulli", "gaussian"})],
        "pretrain_epochs": [Interval(Integral, 1, None, closed="left")],
        "pretrain_lr": [Interval(Real, 0, None, closed="neither")],
        "pretrain_momentum": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
        "pretrain_weight_decay": [Interval(Real, 0, None, closed="left")],
        "pretrain_batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "cd_k": [Interval(Integral, 1, None, closed="left")],
        "persistent": ["boolean"],
        "pretrain_shrink": ["boolean"],
    }

    def _pretrain(self, module: nn.Module, rows: Rows, device: str, seed: int) -> None:
        rows = rows.with_mean_weight_one()
        X = as_tensor(rows.X).to(device)
        weight = None if rows.weight is None else torch.as_tensor(rows.weight).to(X)
        machines, self.pretrain_history_ = pretrain(
            X,
            self._hidden_sizes(),
            generator=torch.Generator().manual_seed(seed),
            visible=self.visible,
            epochs=self.pretrain_epochs,
            lr=self.pretrain_lr,
            batch_size=self._pretraining_batch_size(len(rows)),
            cd_k=self.cd_k,
            momentum=self._pretraining_momentum(),
            weight_decay=self.pretrain_weight_decay,
            persistent=self.persistent,
            policy=resolve_policy(self) if self.pretrain_shrink else None,
            sample_weight=weight,
            **precision(self.dtype, device, convolutions=False),
            n_threads=self.n_threads,
        )
        linears: Any = module.linears
        for linear, machine in zip(linears, machines, strict=False):
            linear.load_state_dict(machine.as_linear().state_dict())
        self.rbms_ = [machine.cpu() for machine in machines]

    def _check_module(self, module: nn.Module, rows: Rows, device: str) -> None:
        self._check_visible(rows)

    def _check_visible(self, rows: Rows) -> None:
        low, high = rows.X.min(), rows.X.max()
        if self.visible == "bernoulli" and (low < 0 or high > 1):
            raise ValueError(
                "visible='bernoulli' needs features in [0, 1]. "
                f"Got X in [{low:g}, {high:g}] instead."
            )

    def _pretraining_momentum(self) -> float:
        if not isinstance(self.pretrain_momentum, str):
            return self.pretrain_momentum
        return 0.0 if self.persistent else 0.9  # chains cannot follow weights that run ahead

    def _pretraining_batch_size(self, n_samples: int) -> int:
        if not isinstance(self.pretrain_batch_size, str):
            return min(self.pretrain_batch_size, n_samples)
        return min(max(n_samples // 50, 10), 100, n_samples)
