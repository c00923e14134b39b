"""From the parameters of an estimator to those of its net."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from ..policies import Policy
from ._dtypes import autocast_type
from ._optimizers import resolve_optimizer


def net_parameters(
    estimator: Any, policy: Policy, batch_size: int, seed: int, device: str, *, once: bool
) -> dict[str, Any]:
    """Return all parameters of the net but those of its module.

    Parameters
    ----------
    estimator : BaseShrinkingEstimator
        Whose net it is.
    policy : Policy
        Chooses the rows of each epoch.
    batch_size : int
        Rows a batch.
    seed : int
        The net's source of randomness.
    device : str
        Where to train.
    once : bool
        Whether the run is one epoch on all rows at the initial learning rate.

    Returns
    -------
    params : dict
        The parameters.
    """
    optimizer, optimizer_params = resolve_optimizer(
        estimator.optimizer, estimator.momentum, estimator.weight_decay, device
    )
    params = {
        "policy": policy,
        "optimizer": optimizer,
        "lr": estimator.lr,
        "batch_size": batch_size,
        "max_epochs": estimator.max_epochs,
        "max_passes": estimator.max_passes,
        "lr_schedule": estimator.lr_schedule,
        "full_at_end": estimator.full_at_end,
        "n_iter_no_change": estimator.n_iter_no_change if estimator.early_stopping else None,
        "tol": estimator.tol,
        "autocast": autocast_type(estimator.dtype, device),
        "n_threads": estimator.n_threads,
        "callbacks": list(estimator.callbacks or []),
        "device": device,
        "verbose": int(estimator.verbose),
        "random_state": seed,
    }
    if is_classifier(estimator):
        params["classes"] = np.arange(len(estimator.classes_))
    if once:
        params |= {"policy": None, "max_epochs": 1, "max_passes": None}
        params |= {"lr_schedule": None, "full_at_end": 0.0}
    return params | {f"optimizer__{name}": value for name, value in optimizer_params.items()}


class _Default:
    """Stands for a parameter that is not given."""

    def __repr__(self) -> str:
        return "the default"


def target_parameters(estimator: Any) -> dict[str, Any]:
    """Return those parameters that say what the module's outputs are."""
    params = estimator.get_params(deep=False)
    return {name: params[name] for name in ("loss", "output_activation") if name in params}


def check_module_unchanged(owner: str, made_of: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raise ValueError if the estimator wants another module than the one that is there.

    Parameters
    ----------
    owner : str
        The name of the estimator's class.
    made_of : dict
        The parameters that the module was made of.
    wanted : dict
        What they are now.
    """
    default = _Default()
    for name in sorted(made_of.keys() | wanted.keys()):
        before, now = made_of.get(name, default), wanted.get(name, default)
        if not _is_same(before, now):
            raise ValueError(
                f"The {name!r} parameter of {owner} must be left at {before!r} while the module "
                f"is trained on. Got {now!r} instead. fit with warm_start=False makes a new module."
            )


def _is_same(before: Any, now: Any) -> bool:
    if before is now:
        return True
    try:
        return bool(before == now)
    except (ValueError, RuntimeError):  # arrays and tensors
        return np.array_equal(before, now)
