"""A step: forward, per-sample errors, backward, update, for any module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor, nn
from torch.optim import Optimizer

from ._errors import per_sample_error


class Step(Protocol):
    """One batch of training, without a word to the host."""

    def __call__(self, x: Tensor, y: Tensor, weight: Tensor | None, error: Tensor) -> Tensor:
        """Train on a batch.

        Parameters
        ----------
        x : Tensor of shape (n, ...)
            Features.
        y : Tensor of shape (n, ...)
            Targets.
        weight : Tensor of shape (n,) or None
            Weights of the samples in the loss, which is the sum of weight times error over n.
        error : Tensor of shape (n,)
            Filled with weight times error of each sample, before the update.

        Returns
        -------
        output : Tensor of shape (n, ...)
            The module's output, valid until the next call.
        """


class AutogradStep:
    """The step of any module, by torch's autograd.

    Parameters
    ----------
    module : nn.Module
        The net; in training mode.
    criterion : nn.Module
        The loss; see :func:`per_sample_error`.
    optimizer : torch.optim.Optimizer
        Holds the module's parameters.
    on_grad : callable, optional
        Called with the batch's features and targets once the gradients are there.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: nn.Module,
        optimizer: Optimizer,
        on_grad: Callable[[Tensor, Tensor], None] | None = None,
    ) -> None:
        self.module = module
        self.optimizer = optimizer
        self.errors = per_sample_error(criterion)
        self.on_grad = on_grad

    def __call__(self, x: Tensor, y: Tensor, weight: Tensor | None, error: Tensor) -> Tensor:
        """Train on a batch; see :class:`Step`."""
        self.optimizer.zero_grad()
        output = self.module(x)
        errors = self.errors(output, y)
        if weight is not None:
            errors = errors * weight
        errors.mean().backward()
        if self.on_grad is not None:
            self.on_grad(x, y)
        self.optimizer.step()
        error.copy_(errors.detach())
        return output.detach()
