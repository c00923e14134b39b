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
    pretrain_momentum: float = 0.9
    pretrain_weight_decay: float = 2e-4
    pretrain_batch_size: int = 100
    cd_k: int = 1
    persistent: bool = False
    pretrain_shrink: bool = False

    _parameter_constraints: ClassVar[dict] = {
        **BaseMLP._parameter_constraints,
        "visible": [StrOptions({"auto", "bernoulli", "gaussian"})],
        "pretrain_epochs": [Interval(Integral, 1, None, closed="left")],
        "pretrain_lr": [Interval(Real, 0, None, closed="neither")],
        "pretrain_momentum": [Interval(Real, 0, 1, closed="left")],
        "pretrain_weight_decay": [Interval(Real, 0, None, closed="left")],
        "pretrain_batch_size": [Interval(Integral, 1, None, closed="left")],
        "cd_k": [Interval(Integral, 1, None, closed="left")],
        "persistent": ["boolean"],
        "pretrain_shrink": ["boolean"],
    }

    def _prepare(self, module: nn.Module, rows: Rows, device: str, seed: int) -> None:
        """Pretrain the hidden layers on the rows that there are."""
        rows = rows.with_mean_weight_one()
        X = torch.as_tensor(rows.X, device=device)
        weight = None if rows.weight is None else torch.as_tensor(rows.weight).to(X)
        sizes, batch_size = self._hidden_sizes(), min(self.pretrain_batch_size, len(rows))
        flops = 10 * batch_size * max(map(prod, pairwise((X.shape[1], *sizes))), default=0)
        n_threads = self.n_threads or choose_threads(flops)
        with seeded(seed, device) as generator, threads(n_threads):
            machines, self.pretrain_history_ = pretrain(
                X,
                sizes,
                generator=generator,
                visible=self.visible,
                epochs=self.pretrain_epochs,
                lr=self.pretrain_lr,
                batch_size=batch_size,
                cd_k=self.cd_k,
                momentum=self.pretrain_momentum,
                weight_decay=self.pretrain_weight_decay,
                persistent=self.persistent,
                policy=self._policy() if self.pretrain_shrink else None,
                sample_weight=weight,
            )
        linears: Any = module.linears
        for linear, machine in zip(linears, machines, strict=False):
            linear.load_state_dict(machine.as_linear().state_dict())
        self.rbms_ = [machine.cpu() for machine in machines]


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
    .. [2] G. Hinton, S. Osindero, Y.-W. Teh, "A Fast Learning Algorithm for Deep Belief Nets",
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
    .. [2] G. Hinton, S. Osindero, Y.-W. Teh, "A Fast Learning Algorithm for Deep Belief Nets",
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
