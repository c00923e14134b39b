"""Shrinking deep belief networks: perceptrons whose layers are pretrained without targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from ..training import pretrain
from ..training._isolation import choose_threads, seeded, threads
from ._docs import documented
from ._mlp import BaseMLP
from ._precision import autocast_type
from ._rows import Rows
from ._targets import ShrinkingClassifierMixin, ShrinkingRegressorMixin


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

    def _prepare(self, module: nn.Module, rows: Rows, device: str, seed: int) -> None:
        """Pretrain the hidden layers on the rows that there are."""
        rows = rows.with_mean_weight_one()
        X = torch.as_tensor(rows.X, device=device)
        weight = None if rows.weight is None else torch.as_tensor(rows.weight).to(X)
        self._check_visible(rows)
        with seeded(seed, device) as generator, threads(self._pretraining_threads(rows)):
            machines, self.pretrain_history_ = pretrain(
                X,
                self._hidden_sizes(),
                generator=generator,
                visible=self.visible,
                epochs=self.pretrain_epochs,
                lr=self.pretrain_lr,
                batch_size=self._pretraining_batch_size(len(rows)),
                cd_k=self.cd_k,
                momentum=self._momentum(),
                weight_decay=self.pretrain_weight_decay,
                persistent=self.persistent,
                policy=self._policy() if self.pretrain_shrink else None,
                sample_weight=weight,
                autocast=autocast_type(self.precision, device),
            )
        linears: Any = module.linears
        for linear, machine in zip(linears, machines, strict=False):
            linear.load_state_dict(machine.as_linear().state_dict())
        self.rbms_ = [machine.cpu() for machine in machines]

    def _check_visible(self, rows: Rows) -> None:
        low, high = rows.X.min(), rows.X.max()
        if self.visible == "bernoulli" and (low < 0 or high > 1):
            raise ValueError(
                "visible='bernoulli' needs features in [0, 1], "
                f"however: X is in [{low:g}, {high:g}]."
            )

    def _momentum(self) -> float:
        if not isinstance(self.pretrain_momentum, str):
            return self.pretrain_momentum
        return 0.0 if self.persistent else 0.9  # chains cannot follow weights that run ahead

    def _pretraining_batch_size(self, n_samples: int) -> int:
        if not isinstance(self.pretrain_batch_size, str):
            return min(self.pretrain_batch_size, n_samples)
        return min(max(n_samples // 50, 10), 100, n_samples)

    def _pretraining_threads(self, rows: Rows) -> int:
        if self.n_threads is not None:
            return self.n_threads
        sizes = (rows.X.shape[1], *self._hidden_sizes())
        largest = max(map(prod, pairwise(sizes)), default=0)
        return choose_threads(10 * self._pretraining_batch_size(len(rows)) * largest)


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingDBNClassifier(ShrinkingClassifierMixin, BaseDBN):
    """Deep belief network classifier that trains on a shrinking set of rows.

    Each hidden layer is first trained without targets, as a restricted Boltzmann machine on what
    the layer below makes of the rows [2]_; then the whole net is trained from these weights.
    $shrinking

    Parameters
    ----------
    $dbn_parameters
    $classifier_parameters
    $training_parameters

    Attributes
    ----------
    $classes
    $dbn_attributes
    $attributes

    See Also
    --------
    ShrinkingDBNRegressor : The same for numbers as targets.
    ShrinkingDNNClassifier : The same without pretraining.

    Notes
    -----
    $dbn_notes

    $notes

    References
    ----------
    $reference
    .. [2] G. Hinton et al., "A Fast Learning Algorithm for Deep Belief Nets",
       2006.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sk_sdlr import ShrinkingDBNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    >>> net = ShrinkingDBNClassifier((200,), random_state=0).fit(X, y)
    >>> net.rbms_
    [RBM(64, 200, visible='bernoulli')]
    >>> net.score(X_test, y_test) > 0.95
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseDBN._parameter_constraints,
        **ShrinkingClassifierMixin._target_constraints,
    }


@documented
@dataclass(kw_only=True, eq=False, repr=False)
class ShrinkingDBNRegressor(ShrinkingRegressorMixin, BaseDBN):
    """Deep belief network regressor that trains on a shrinking set of rows.

    Each hidden layer is first trained without targets, as a restricted Boltzmann machine on what
    the layer below makes of the rows [2]_; then the whole net is trained from these weights.
    $shrinking

    Parameters
    ----------
    $dbn_parameters
    $regressor_parameters
    $training_parameters

    Attributes
    ----------
    $dbn_attributes
    $attributes

    See Also
    --------
    ShrinkingDBNClassifier : The same for classes as targets.
    ShrinkingDNNRegressor : The same without pretraining.

    Notes
    -----
    $dbn_notes

    $notes

    References
    ----------
    $reference
    .. [2] G. Hinton et al., "A Fast Learning Algorithm for Deep Belief Nets",
       2006.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from sk_sdlr import ShrinkingDBNRegressor
    >>> X, y = make_friedman1(1000, random_state=0)
    >>> net = ShrinkingDBNRegressor(random_state=0).fit(X[:800], y[:800])
    >>> net.score(X[800:], y[800:]) > 0.7
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseDBN._parameter_constraints,
        **ShrinkingRegressorMixin._target_constraints,
    }
