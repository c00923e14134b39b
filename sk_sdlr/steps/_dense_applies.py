"""Whether a net can be trained in closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from ..modules import MLP
from ._objective import Objective
from ._squared_error import SquaredError


def dense_step_applies(
    module: nn.Module, objective: Objective, optimizer: Optimizer, y: Tensor | None = None
) -> bool:
    """Return whether DenseStep does what AutogradStep would do for these.

    Parameters
    ----------
    module : nn.Module
        Must be an MLP without batch norm, dropout, frozen parameters and hooks.
    objective : Objective
        Its criterion must be SquaredError, or CrossEntropyLoss without options, on the output that
        goes with it.
    optimizer : torch.optim.Optimizer
        Must be SGD, Adam or AdamW with one group of parameters, the module's, and no hooks.
    y : Tensor of shape (n_samples,) or (n_samples, n_outputs), optional
        Targets; must be class numbers for CrossEntropyLoss.

    Returns
    -------
    applies : bool
        Whether it does.
    """
    return (
        type(module) is MLP
        and module.is_plain
        and all(map(_is_ordinary_linear, module.linears))
        and not any(map(_has_hooks, module.modules()))
        and _loss_applies(module, objective.criterion)
        and _optimizer_applies(optimizer, list(module.parameters()))
        and (y is None or _targets_apply(objective.criterion, y))
    )


def _is_ordinary_linear(layer: nn.Module) -> bool:
    return type(layer) is nn.Linear and layer.bias is not None


def _has_hooks(part: nn.Module) -> bool:
    return bool(
        part._forward_hooks
        or part._forward_pre_hooks
        or part._backward_hooks
        or part._backward_pre_hooks
    )


def _loss_applies(module: MLP, criterion: nn.Module) -> bool:
    if type(criterion) is SquaredError:
        return module.output_activation in ("identity", "sigmoid")
    return (
        type(criterion) is nn.CrossEntropyLoss
        and module.output_activation in ("identity", "softmax")
        and criterion.weight is None
        and criterion.label_smoothing == 0
        and criterion.ignore_index < 0
    )


def _optimizer_applies(optimizer: Optimizer, parameters: list[nn.Parameter]) -> bool:
    group = optimizer.param_groups[0]
    return (
        type(optimizer) in (SGD, Adam, AdamW)
        and len(optimizer.param_groups) == 1
        and {id(p) for p in group["params"]} == {id(p) for p in parameters}
        and not group["maximize"]
        and not optimizer._optimizer_step_pre_hooks
        and not optimizer._optimizer_step_post_hooks
        and all(
            p.requires_grad and not p._backward_hooks and not p._post_accumulate_grad_hooks
            for p in parameters
        )
    )


def _targets_apply(criterion: nn.Module, y: Tensor) -> bool:
    if type(criterion) is SquaredError:
        return y.dim() == 2 and y.is_floating_point()
    return y.dim() == 1 and y.dtype == torch.int64 and int(y.min()) >= 0
