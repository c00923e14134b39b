"""From torch's modules to the layers of a chain."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...modules import MLP, MeanOfMembers, MemberLinear
from .._closed_form import has_hooks, optimizer_applies, targets_apply
from .._objective import Objective
from .._squared_error import SquaredError
from ._build import BATCH_NORMS, DROPOUTS, LAYERS
from ._dropout import level_of

TYPES = (torch.float32, torch.float64)
PRODUCTS = (nn.Linear, MemberLinear)


def chain_applies(
    module: nn.Module, objective: Objective, optimizer: Optimizer, y: Tensor | None = None
) -> bool:
    """Return whether a chain does what autograd would do for these.

    Parameters
    ----------
    module : nn.Module
        Must be an MLP, or an ``nn.Sequential`` (nested too), of known layers without hooks, which
        are trained wholly, on the CPU.
    objective : Objective
        Its criterion must be SquaredError, or CrossEntropyLoss without weights of classes.
    optimizer : torch.optim.Optimizer
        Must be SGD, Adam or AdamW, hold the module's parameters and no others, and have no hooks.
    y : Tensor of shape (n_samples,) or (n_samples, n_outputs), optional
        Targets; must be class numbers for CrossEntropyLoss.

    Returns
    -------
    applies : bool
        Whether it does.
    """
    parts, parameters = parts_of(module) or [], list(module.parameters())
    held = [id(parameter) for part in parts for parameter in part.parameters()]
    return (
        any(isinstance(part, PRODUCTS) for part in parts)
        and all(map(_is_known, parts))
        and not any(isinstance(part, MeanOfMembers) for part in parts[:-1])
        and not any(map(has_hooks, module.modules()))
        and sorted(held) == sorted(map(id, parameters))  # none is shared
        and {(p.device.type, p.dtype) for p in parameters} <= {("cpu", t) for t in TYPES}
        and len({p.dtype for p in parameters}) == 1
        and _loss_applies(objective.criterion)
        and optimizer_applies(optimizer, parameters)
        and _groups_apply(optimizer)
        and (y is None or targets_apply(objective.criterion, y))
    )


def parts_of(module: nn.Module) -> list[nn.Module] | None:
    """Return the modules that are called one after the other; None if that is not known."""
    if type(module) is MLP:
        children = module.in_order()
    elif type(module) is nn.Sequential:
        children = list(module)
    else:
        return [module] if _is_known(module) else None
    found: list[nn.Module] = []
    for child in children:
        parts = parts_of(child)
        if parts is None:
            return None
        found += parts
    return found


def n_members_of(parts: list[nn.Module]) -> int:
    """Return of how many members the outputs are."""
    last = parts[-1]
    return last.n_members if isinstance(last, MeanOfMembers) else 1


def _is_known(part: nn.Module) -> bool:
    if type(part) in DROPOUTS:
        return 0 < level_of(part) < 256  # type: ignore[arg-type]
    if type(part) in BATCH_NORMS:
        return bool(part.affine and part.track_running_stats and part.momentum is not None)
    if type(part) is nn.GELU:
        return part.approximate == "none"
    return type(part) in LAYERS


def _loss_applies(criterion: nn.Module) -> bool:
    if type(criterion) is SquaredError:
        return True
    return (
        type(criterion) is nn.CrossEntropyLoss
        and criterion.weight is None
        and criterion.ignore_index < 0
    )


def _groups_apply(optimizer: Optimizer) -> bool:
    """Return whether torch's fused kernels take the settings of the groups."""
    return not any(
        group.get("amsgrad") or not isinstance(group["lr"], float | int)
        for group in optimizer.param_groups
    )
