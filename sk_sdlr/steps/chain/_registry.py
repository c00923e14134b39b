"""From torch's modules to the layers of a chain."""

from __future__ import annotations

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from ...modules import MLP
from ...modules._batch_norm import BatchNorm1d
from ...modules._dropout import Dropout as OwnDropout
from .._objective import Objective
from .._squared_error import SquaredError
from ._activations import ACTIVATION_LAYERS, Activation
from ._batch_norm import BatchNorm
from ._dropout import Dropout, Scale, level_of
from ._layer import Layer
from ._linear import Linear

DROPOUTS = (nn.Dropout, OwnDropout)
BATCH_NORMS = (nn.BatchNorm1d, BatchNorm1d)


def chain_applies(module: nn.Module, objective: Objective, optimizer: Optimizer) -> bool:
    """Return whether a chain does what autograd would do for these.

    Parameters
    ----------
    module : nn.Module
        Must be an MLP, or an ``nn.Sequential`` (nested too), of known layers without hooks, which
        are trained wholly.
    objective : Objective
        Its criterion must be SquaredError, or CrossEntropyLoss without weights of classes.
    optimizer : torch.optim.Optimizer
        Must be SGD, Adam or AdamW, hold the module's parameters and no others, and have no hooks.

    Returns
    -------
    applies : bool
        Whether it does.
    """
    parts = parts_of(module)
    return (
        parts is not None
        and any(isinstance(part, nn.Linear) for part in parts)
        and len(set(map(id, parts))) == len(parts)
        and all(map(_is_known, parts))
        and not any(map(_has_hooks, module.modules()))
        and _loss_applies(objective.criterion)
        and _optimizer_applies(optimizer, list(module.parameters()))
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
    scale, has_linear = 1.0, False
    for i, part in enumerate(parts):
        if scale != 1 and not isinstance(part, nn.Linear):
            layers.append(Scale(scale))
            scale = 1.0
        if isinstance(part, nn.Linear):
            next_is_norm = isinstance(parts[i + 1], BATCH_NORMS) if i + 1 < len(parts) else False
            layers.append(
                Linear(
                    part,
                    is_first=not has_linear and not any(layer.parameters for layer in layers),
                    scale=scale,
                    needs_bias_gradient=not next_is_norm,
                )
            )
            scale, has_linear = 1.0, True
        elif isinstance(part, BATCH_NORMS):
            layers.append(BatchNorm(part))
        elif isinstance(part, DROPOUTS):
            scale = _add_dropout(layers, part)
        elif type(part) in ACTIVATION_LAYERS:
            layers.append(ACTIVATION_LAYERS[type(part)](part))
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


def _has_hooks(part: nn.Module) -> bool:
    return bool(
        part._forward_hooks
        or part._forward_pre_hooks
        or part._backward_hooks
        or part._backward_pre_hooks
    )


def _loss_applies(criterion: nn.Module) -> bool:
    if type(criterion) is SquaredError:
        return True
    return (
        type(criterion) is nn.CrossEntropyLoss
        and criterion.weight is None
        and criterion.ignore_index < 0
    )


def _optimizer_applies(optimizer: Optimizer, parameters: list[nn.Parameter]) -> bool:
    groups = optimizer.param_groups
    held = {id(p) for group in groups for p in group["params"]}
    return (
        type(optimizer) in (SGD, Adam, AdamW)
        and held == {id(p) for p in parameters}
        and not any(group["maximize"] or group.get("amsgrad") for group in groups)
        and not optimizer._optimizer_step_pre_hooks
        and not optimizer._optimizer_step_post_hooks
        and all(
            p.requires_grad and not p._backward_hooks and not p._post_accumulate_grad_hooks
            for p in parameters
        )
    )
