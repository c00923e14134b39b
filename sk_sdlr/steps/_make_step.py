"""Which step a net is trained by."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ._autograd import AutogradStep
from ._dense import DenseStep
from ._dense_applies import dense_step_applies
from ._objective import Objective
from ._step import Step
from .chain._chain import ChainStep
from .chain._registry import chain_applies

STEPS = ("auto", "dense", "autograd")


def make_step(
    kind: str,
    module: nn.Module,
    objective: Objective,
    optimizer: Optimizer,
    targets: Tensor,
    *,
    autocast: torch.dtype | None = None,
    on_gradients: Callable[[Tensor, Tensor], None] | None = None,
) -> Step:
    """Return the step that trains a module.

    Parameters
    ----------
    kind : {"auto", "dense", "autograd"}
        "auto": in closed form where that does the same as autograd, and nobody wants gradients.
    module : nn.Module
        The net.
    objective : Objective
        What is minimised.
    optimizer : torch.optim.Optimizer
        Holds the module's parameters.
    targets : Tensor of shape (n_samples, ...)
        All targets.
    autocast : torch.dtype or None, default=None
        See :class:`AutogradStep`.
    on_gradients : callable or None, default=None
        See :class:`AutogradStep`.

    Returns
    -------
    step : Step
        The step.

    Raises
    ------
    ValueError
        If `kind` is "dense" and that cannot be.
    """
    if kind == "dense" and on_gradients is not None:
        raise ValueError(
            "step='dense' has no gradients to show. Got a callback with on_grad_computed."
        )
    if kind == "dense" and autocast is not None:
        raise ValueError(f"step='dense' has no autocast. Got autocast={autocast} instead.")
    if kind == "dense" or (kind == "auto" and autocast is None and on_gradients is None):
        # Samples are columns there, which suits small plain nets.
        known = None if kind == "dense" else targets
        if dense_step_applies(module, objective, optimizer, known):
            return DenseStep(module, objective, optimizer)  # type: ignore[arg-type]  # an MLP
        if kind == "dense" or chain_applies(module, objective, optimizer, targets):
            return ChainStep(module, objective, optimizer)
    return AutogradStep(module, objective, optimizer, on_gradients, autocast)
