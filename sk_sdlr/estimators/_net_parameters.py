"""From the parameters of an estimator to those of its net."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from skorch.callbacks import InputShapeSetter

from ..nets import ActiveSetNet
from ._optimizers import check_betas, resolve_optimizer
from ._policies import resolve_policy


def net_parameters(
    estimator: Any, batch_size: int, seed: int, device: str, *, single_epoch: bool
) -> dict[str, Any]:
    """Return all parameters of the net but those of its module.

    Parameters
    ----------
    estimator : BaseShrinkingEstimator
        Whose net it is.
    batch_size : int
        Rows a batch.
    seed : int
        The net's source of randomness.
    device : str
        Where to train.
    single_epoch : bool
        Whether the run is one epoch on all rows at the initial learning rate.

    Returns
    -------
    params : dict
        The parameters.
    """
    check_betas(type(estimator).__name__, estimator.betas)
    optimizer, optimizer_params = resolve_optimizer(
        estimator.optimizer, estimator.momentum, estimator.betas, estimator.weight_decay, device
    )
    groups = estimator._param_groups()
    if groups:
        optimizer_params["param_groups"] = groups
    params = {
        "policy": resolve_policy(estimator),
        "optimizer": optimizer,
        "lr": estimator.lr,
        "batch_size": batch_size,
        "max_epochs": estimator.max_epochs,
        "max_passes": estimator.max_passes,
        "lr_schedule": estimator.lr_schedule,
        "weight_average": estimator.weight_average,
        "full_at_end": estimator.full_at_end,
        "n_iter_no_change": estimator.n_iter_no_change if estimator.early_stopping else None,
        "tol": estimator.tol,
        "n_threads": estimator.n_threads,
        "callbacks": list(estimator.callbacks or []),
        "device": device,
        "verbose": int(estimator.verbose),
        "random_state": seed,
    }
    if is_classifier(estimator):
        params["classes"] = np.arange(len(estimator.classes_))
    if single_epoch:
        params |= {"policy": None, "max_epochs": 1, "max_passes": None}
        params |= {"lr_schedule": None, "weight_average": None, "full_at_end": 0.0}
    return params | {f"optimizer__{name}": value for name, value in optimizer_params.items()}


def set_input_shapes(net: ActiveSetNet, X: Any) -> None:
    """Let skorch's InputShapeSetter do its work now, before the module is checked and laid out.

    Parameters
    ----------
    net : ActiveSetNet
        A new net, initialised.
    X : array-like of shape (n_samples, ...)
        Features.
    """
    for _, callback in net.callbacks_:
        if isinstance(callback, InputShapeSetter):
            callback.on_train_begin(net, X, None)
