"""This package's estimators on tables: narrow nets side by side, and a single wide one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._nets import KINDS
from ._encode import one_hot
from ._task import Task

# What the estimators are by default.
PLAIN_NET: dict[str, Any] = {
    "hidden_layer_sizes": (256, 256, 256),
    "activation": "silu",
    "batch_norm": True,
    "dropout": 0.2,
}
TRAINING: dict[str, Any] = {
    "optimizer": "adamw",
    "lr": 0.002,
    "lr_schedule": "linear",
    "weight_decay": 0.01,
    "max_epochs": 30,
}
NARROW_NETS: dict[str, Any] = {
    "hidden_layer_sizes": (64, 64, 64),
    "scaling": True,
    "activation": "relu",
    "batch_norm": True,
    "dropout": 0.0,
    "optimizer": "adamw",
    "lr": 0.006,
    "betas": (0.9, 0.95),
    "weight_decay": 0.01,
    "lr_schedule": "constant_cosine",
    "weight_average": 0.1,
    "max_epochs": 10,
}


def kind_for(task: Task) -> Any:
    """Return the class of the estimator."""
    return KINDS["dnn"][task.n_classes is None]


def narrow_nets(task: Task, seed: int, n_threads: int, **params: Any) -> Any:
    """Return the estimator with some narrow nets side by side, in a pipeline as long as it must."""
    batch_size = int(np.clip(2 ** round(np.log2(max(task.n_rows / 64, 1))), 32, 512))
    model = kind_for(task)(random_state=seed, device="cpu", batch_size=batch_size, **NARROW_NETS)
    model.set_params(**params)
    return model if has(model, "preprocess") else one_hot(model)


def plain_net(task: Task, seed: int, n_threads: int) -> Any:
    """Return the estimator with the net of three wide layers, in a pipeline."""
    model = kind_for(task)(random_state=seed, device="cpu", **PLAIN_NET, **TRAINING)
    model.set_params(batch_size=batch_size_for(task.n_rows))
    return one_hot(model.set_params(preprocess=None) if has(model, "preprocess") else model)


def batch_size_for(n_rows: int) -> int:
    """Return a power of two, a fiftieth of the rows or less, from 16 to 256."""
    return int(np.clip(2 ** int(np.log2(max(n_rows / 50, 1))), 16, 256))


def has(model: Any, *names: str) -> bool:
    """Return whether these are parameters of an estimator."""
    return set(names) <= set(model.get_params(deep=False))
