"""Optimisers by name."""

from __future__ import annotations

from numbers import Real
from typing import Any

import torch

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "nesterov": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


# What "auto" stands for where it is not 0.
MOMENTUM = {"nesterov": 0.9}
WEIGHT_DECAY = {"adamw": 0.01}


def resolve_optimizer(
    optimizer: Any,
    momentum: float | str,
    betas: Any,
    weight_decay: float | str,
    device: str,
) -> tuple[Any, dict[str, Any]]:
    """Return a class of optimisers and its parameters, the learning rate excepted.

    Parameters
    ----------
    optimizer : {"sgd", "nesterov", "adam", "adamw"} or callable
        A name, or what makes an optimiser.
    momentum : float or "auto"
        Of "sgd" and "nesterov".
    betas : pair of float or "auto"
        Of "adam" and "adamw".
    weight_decay : float or "auto"
        Weight decay as the optimiser understands it.
    device : str
        Where the parameters are.

    Returns
    -------
    optimizer : callable
        The class.
    params : dict
        What to call it with.

    Raises
    ------
    ValueError
        If the momentum of "nesterov" is 0.
    """
    if callable(optimizer):
        return optimizer, {} if isinstance(weight_decay, str) else {"weight_decay": weight_decay}
    params: dict[str, Any] = {"weight_decay": _number(weight_decay, WEIGHT_DECAY, optimizer)}
    if device.startswith(("cpu", "cuda")):
        params["fused"] = True
    if optimizer in ("sgd", "nesterov"):
        is_nesterov = optimizer == "nesterov"
        params["momentum"] = _number(momentum, MOMENTUM, optimizer)
        params["nesterov"] = is_nesterov
        if is_nesterov and not params["momentum"]:
            raise ValueError(
                "The 'momentum' parameter must be positive with optimizer='nesterov'. "
                f"Got {momentum!r} instead."
            )
    elif not isinstance(betas, str):
        params["betas"] = tuple(map(float, betas))
    return OPTIMIZERS[optimizer], params


def check_betas(owner: str, betas: Any) -> None:
    """Raise ValueError unless it is "auto" or a pair of numbers in [0, 1)."""
    if isinstance(betas, str):
        return
    fine = [isinstance(beta, Real) and 0 <= float(beta) < 1 for beta in betas]
    if fine != [True, True]:
        raise ValueError(
            f"The 'betas' parameter of {owner} must be 'auto' or a pair of numbers in the range "
            f"[0, 1). Got {betas!r} instead."
        )


def _number(value: float | str, automatic: dict[str, float], optimizer: str) -> float:
    return automatic.get(optimizer, 0.0) if isinstance(value, str) else value
