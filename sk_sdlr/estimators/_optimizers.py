"""Optimisers by name."""

from __future__ import annotations

from typing import Any

import torch

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "nesterov": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def resolve_optimizer(
    optimizer: Any, momentum: float, weight_decay: float, device: str
) -> tuple[Any, dict[str, Any]]:
    """Return a class of optimisers and its parameters, the learning rate excepted.

    Parameters
    ----------
    optimizer : {"sgd", "nesterov", "adam", "adamw"} or callable
        A name, or what makes an optimiser.
    momentum : float
        Of "sgd" and "nesterov".
    weight_decay : float
        Weight decay as the optimiser understands it.
    device : str
        Where the parameters are.

    Returns
    -------
    optimizer : callable
        The class.
    params : dict
        What to call it with.
    """
    params: dict[str, Any] = {"weight_decay": weight_decay}
    if callable(optimizer):
        return optimizer, params
    if device.startswith(("cpu", "cuda")):
        params["fused"] = True
    if optimizer in ("sgd", "nesterov"):
        params |= {"momentum": momentum, "nesterov": optimizer == "nesterov"}
    return OPTIMIZERS[optimizer], params
