"""From torch's modules to the layers of a chain."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...modules import MLP
from ...modules._batch_norm import BatchNorm1d
from ...modules._dropout import Dropout as OwnDropout
from .._closed_form import has_hooks, optimizer_applies, targets_apply
from .._objective import Objective
from .._squared_error import SquaredError
from ._activations import ACTIVATION_LAYERS, Activation
from ._batch_norm import BatchNorm
from ._dropout import Dropout, Scale, level_of
from ._layer import Layer
from ._linear import Linear

TYPES = (torch.float32, torch.float64)
DROPOUTS = (nn.Dropout, OwnDropout)
BATCH_NORMS = (nn.BatchNorm1d, BatchNorm1d)


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
        any(isinstance(part, nn.Linear) for part in parts)
        and all(map(_is_known, parts))
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


def layers_of(parts: list[nn.Module]) -> list[Layer]:
    """Return the layers of a chain.

    A dropout is moved before the activation that it follows, if that vanishes at minus infinity;
    its scale goes to the linear layer after it.
    """
    layers: list[Layer] = []
    scale = 1.0
    for i, part in enumerate(parts):
        if scale != 1 and not isinstance(part, nn.Linear):
            layers.append(Scale(scale))
            scale = 1.0
        if isinstance(part, nn.Linear):
            next_is_norm = isinstance(parts[i + 1], BATCH_NORMS) if i + 1 < len(parts) else False
            is_first = not any(layer.parameters for layer in layers)
            layers.append(Linear(part, is_first=is_first, scale=scale, before_norm=next_is_norm))
            scale = 1.0
        elif isinstance(part, BATCH_NORMS):
            layers.append(BatchNorm(part))
        elif isinstance(part, DROPOUTS):
            scale = _add_dropout(layers, part)
        elif type(part) in ACTIVATION_LAYERS:
            layers.append(ACTIVATION_LAYERS[type(part)](part))
    if isinstance(layers[0], Activation):  # which writes over what goes in
        layers.insert(0, Scale(1.0))
    return [*layers, Scale(scale)] if scale != 1 else layers


def _add_dropout(layers: list[Layer], part: nn.Dropout) -> float:
    """Add a dropout; return the scale of what it keeps."""
    last = layers[-1] if layers else None
    if isinstance(last, Activation) and last.vanishes and len(layers) > 1:
        made = Dropout(part, before_activation=True)
        layers.insert(-1, made)
    else:
        made = Dropout(part, before_activation=False, is_first=not layers)
        layers.append(made)
    return made.scale


def _is_known(part: nn.Module) -> bool:
    if type(part) in DROPOUTS:
        return 0 < level_of(part) < 256  # type: ignore[arg-type]
    if type(part) in BATCH_NORMS:
        return bool(part.affine and part.track_running_stats and part.momentum is not None)
    if type(part) is nn.GELU:
        return part.approximate == "none"
    return type(part) in (nn.Linear, nn.Identity) or type(part) in ACTIVATION_LAYERS


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
