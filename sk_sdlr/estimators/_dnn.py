"""Shrinking deep neural networks (multi-layer perceptrons)."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from ..modules import ACTIVATIONS, MLP
from ._base import BaseShrinkingEstimator
from ._rows import Rows
from ._targets import ShrinkingClassifierMixin, ShrinkingRegressorMixin


class _BaseDNN(BaseShrinkingEstimator):
    _parameter_constraints: dict = {
        **BaseShrinkingEstimator._parameter_constraints,
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
    }

    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        sizes = self.hidden_layer_sizes
        return MLP, {
            "n_inputs": rows.X.shape[1],
            "n_outputs": self._n_outputs(rows),
            "hidden_layer_sizes": (sizes,) if isinstance(sizes, Integral) else tuple(sizes),
            "activation": self.activation,
            "output_activation": self._output_activation(),
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
        }


class ShrinkingDNNClassifier(ShrinkingClassifierMixin, _BaseDNN):
    _parameter_constraints: dict = {
        **_BaseDNN._parameter_constraints,
        **ShrinkingClassifierMixin._target_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256, 256),
        *,
        activation: str = "silu",
        output_activation: str = "auto",
        dropout: float = 0.2,
        batch_norm: bool = True,
        s: float = 0.2,
        t: int | float = 0.2,
        alpha: float | None = 0.5,
        recall: bool = True,
        policy: Any = None,
        loss: str = "auto",
        optimizer: Any = "adamw",
        lr: float = 0.002,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        lr_schedule: Any = "linear",
        anneal: float = 0.5,
        batch_size: int | str = "auto",
        max_epochs: int = 30,
        max_visits: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        class_weight: Any = None,
        device: Any = "auto",
        precision: str = "float32",
        n_threads: int | None = None,
        warm_start: bool = False,
        callbacks: list | None = None,
        verbose: int | bool = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.output_activation = output_activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.s = s
        self.t = t
        self.alpha = alpha
        self.recall = recall
        self.policy = policy
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.anneal = anneal
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_visits = max_visits
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.device = device
        self.precision = precision
        self.n_threads = n_threads
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state


class ShrinkingDNNRegressor(ShrinkingRegressorMixin, _BaseDNN):
    _parameter_constraints: dict = {
        **_BaseDNN._parameter_constraints,
        **ShrinkingRegressorMixin._target_constraints,
    }

    def __init__(
        self,
        hidden_layer_sizes: Any = (256, 256, 256),
        *,
        activation: str = "silu",
        output_activation: str = "identity",
        dropout: float = 0.2,
        batch_norm: bool = True,
        s: float = 0.2,
        t: int | float = 0.2,
        alpha: float | None = 0.5,
        recall: bool = True,
        policy: Any = None,
        loss: str = "auto",
        optimizer: Any = "adamw",
        lr: float = 0.002,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        lr_schedule: Any = "linear",
        anneal: float = 0.5,
        batch_size: int | str = "auto",
        max_epochs: int = 30,
        max_visits: float | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        device: Any = "auto",
        precision: str = "float32",
        n_threads: int | None = None,
        warm_start: bool = False,
        callbacks: list | None = None,
        verbose: int | bool = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.output_activation = output_activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.s = s
        self.t = t
        self.alpha = alpha
        self.recall = recall
        self.policy = policy
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.lr_schedule = lr_schedule
        self.anneal = anneal
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.max_visits = max_visits
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.device = device
        self.precision = precision
        self.n_threads = n_threads
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state
