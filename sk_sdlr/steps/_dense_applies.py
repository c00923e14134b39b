"""Whether a net can be trained in closed form."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim import Optimizer

from ..modules import MLP
from ._closed_form import has_hooks, optimizer_applies, targets_apply
from ._dense_activations import DENSE_ACTIVATIONS
from ._objective import Objective
from ._squared_error import SquaredError


def dense_step_applies(
    module: nn.Module, objective: Objective, optimizer: Optimizer, y: Tensor | None = None
) -> bool:
    """Return whether DenseStep does what AutogradStep would do for these.

    Parameters
    ----------
    module : nn.Module
        Must be an MLP without batch norm, dropout, frozen parameters and hooks, of an activation
        that the step knows.
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
        and module.activation in DENSE_ACTIVATIONS
        and all(map(_is_ordinary_linear, module.linears))
        and not any(map(has_hooks, module.modules()))
        and _loss_applies(module, objective.criterion)
        and len(optimizer.param_groups) == 1
        and optimizer_applies(optimizer, list(module.parameters()))
        and (y is None or targets_apply(objective.criterion, y))
    )


def _is_ordinary_linear(layer: nn.Module) -> bool:
    return type(layer) is nn.Linear and layer.bias is not None


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
