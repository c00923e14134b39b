"""What a closed form asks of modules, optimisers and targets."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from ._squared_error import SquaredError


def has_hooks(part: nn.Module) -> bool:
    """Return whether somebody looks on when this module is called."""
    return bool(
        part._forward_hooks
        or part._forward_pre_hooks
        or part._backward_hooks
        or part._backward_pre_hooks
    )


def optimizer_applies(optimizer: Optimizer, parameters: list[nn.Parameter]) -> bool:
    """Return whether it is SGD, Adam or AdamW of these parameters, all trained, without hooks."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return (
        type(optimizer) in (SGD, Adam, AdamW)
        and held == {id(p) for p in parameters}
        and not any(group["maximize"] for group in optimizer.param_groups)
        and not optimizer._optimizer_step_pre_hooks
        and not optimizer._optimizer_step_post_hooks
        and all(
            p.requires_grad and not p._backward_hooks and not p._post_accumulate_grad_hooks
            for p in parameters
        )
    )


def targets_apply(criterion: nn.Module, y: Tensor) -> bool:
    """Return whether targets are numbers of outputs, or class numbers, as the criterion has it."""
    if type(criterion) is SquaredError:
        return y.dim() == 2 and y.is_floating_point()
    return y.dim() == 1 and y.dtype == torch.int64 and int(y.min()) >= 0
