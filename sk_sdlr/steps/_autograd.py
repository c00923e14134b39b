"""The step of any module, by torch's autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ._objective import Objective
from ._step import Batches, set_learning_rate


class AutogradStep:
    """The step of any module, by torch's autograd.

    Parameters
    ----------
    module : nn.Module
        The net; in training mode.
    objective : Objective
        What is minimised.
    optimizer : torch.optim.Optimizer
        Holds the module's parameters.
    on_gradients : callable or None, default=None
        Called with a batch's features and targets once the gradients are there.
    autocast : torch.dtype or None, default=None
        What the module's products are computed in, if not in its own type. Errors are in the
        latter.
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        optimizer: Optimizer,
        on_gradients: Callable[[Tensor, Tensor], None] | None = None,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.module = module
        self.objective = objective
        self.optimizer = optimizer
        self.on_gradients = on_gradients
        self.autocast = autocast
        self.dtype = next(module.parameters()).dtype

    def __call__(self, batches: Batches) -> Tensor:
        """Learn each batch; see :class:`Step`."""
        outputs = [self._learn(batch) for batch in batches]
        if batches.output_error is not None:
            error = self.objective.output_error(torch.cat(outputs), batches.y, batches.error)
            batches.output_error.copy_(error)
        return outputs[-1]

    def close(self) -> None:
        """Drop the gradients."""
        self.optimizer.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: all is in module and optimiser."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing; see :meth:`state_dict`."""

    def _forward(self, x: Tensor) -> Tensor:
        if self.autocast is None:
            return self.module(x)
        with torch.autocast(x.device.type, self.autocast):
            return self.module(x).to(self.dtype)

    def _learn(self, batch: Batches) -> Tensor:
        if batch.lr_factors is not None:
            set_learning_rate(self.optimizer.param_groups, batch.lr_factors[0])
        self.optimizer.zero_grad()
        output = self._forward(batch.x)
        loss = self.objective.loss(output, batch.y)
        (loss if batch.weight is None else loss * batch.weight).mean().backward()
        if self.on_gradients is not None:
            self.on_gradients(batch.x, batch.y)
        self.optimizer.step()
        batch.error.copy_(loss.detach())
        return output.detach()
