"""This package's estimators on tables: as they are by default, and as they were."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._nets import KINDS
from ._encode import one_hot
from ._task import Task

# The net and the training that were the default before tables were taken as they come.
PLAIN_NET = {
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
RAW = {"preprocess": "auto"}


def kind_for(task: Task) -> Any:
    """Return the class of the estimator."""
    return KINDS["dnn"][task.n_classes is None]


def by_default(task: Task, seed: int, n_threads: int, **params: Any) -> Any:
    """Return the estimator with its defaults but for `params`; tables are its own affair.

    As long as it takes arrays only, it is in a pipeline.
    """
    model = kind_for(task)(random_state=seed, device="cpu", **params)
    return model if has(model, RAW) else one_hot(model)


def plain_net(task: Task, seed: int, n_threads: int) -> Any:
    """Return the estimator with the net of three wide layers, in a pipeline."""
    model = kind_for(task)(random_state=seed, device="cpu", **PLAIN_NET, **TRAINING)
    model.set_params(batch_size=batch_size_for(task.n_rows))
    return one_hot(model.set_params(preprocess=None) if has(model, RAW) else model)


def batch_size_for(n_rows: int) -> int:
    """Return a power of two, a fiftieth of the rows or less, from 16 to 256."""
    return int(np.clip(2 ** int(np.log2(max(n_rows / 50, 1))), 16, 256))


def has(model: Any, params: dict[str, Any]) -> bool:
    """Return whether these are parameters of an estimator."""
    return set(params) <= set(model.get_params(deep=False))
