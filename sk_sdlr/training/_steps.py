"""A step: forward, per-sample errors, backward, update, for any module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ._batches import parts_of
from ._errors import per_sample_error
from ._output_errors import squared_output_error


class Step(Protocol):
    """Training on a batch, or on several one after the other, without a word to the host."""

    def __call__(
        self,
        x: Tensor,
        y: Tensor,
        weight: Tensor | None,
        error: Tensor,
        batch_size: int | None = None,
        output_error: Tensor | None = None,
    ) -> Tensor:
        """Train.

        Parameters
        ----------
        x : Tensor of shape (n, ...)
            Features.
        y : Tensor of shape (n, ...)
            Targets.
        weight : Tensor of shape (n,) or None
            Weights of the samples in the loss of a batch, which is the mean of weight times error.
        error : Tensor of shape (n,)
            Filled with the error of each sample, without its weight, before the update.
        batch_size : int or None, default=None
            Rows a batch, of which the last may be shorter; None: all rows are one batch.
        output_error : Tensor of shape (n,) or None, default=None
            Filled with the squared error of the outputs of each sample, if it is given; see
            :class:`EpochReport`.

        Returns
        -------
        output : Tensor of shape (n_last, ...)
            The module's output for the last batch, valid until the next call.
        """

    def close(self) -> None:
        """Leave module and optimiser as if their own methods had done the work."""


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
        Called with a batch's features and targets once the gradients are there.
    autocast : torch.dtype, optional
        What the module's products are computed in, if not in its own type. Errors are in the
        latter.
    """

    def __init__(
        self,
        module: nn.Module,
        criterion: nn.Module,
        optimizer: Optimizer,
        on_grad: Callable[[Tensor, Tensor], None] | None = None,
        autocast: torch.dtype | None = None,
    ) -> None:
        self.module = module
        self.optimizer = optimizer
        self.errors = per_sample_error(criterion)
        self.output_errors = squared_output_error(criterion)
        self.on_grad = on_grad
        self.autocast = autocast
        self.dtype = next(module.parameters()).dtype

    def __call__(
        self,
        x: Tensor,
        y: Tensor,
        weight: Tensor | None,
        error: Tensor,
        batch_size: int | None = None,
        output_error: Tensor | None = None,
    ) -> Tensor:
        """Train on a batch, or on several; see :class:`Step`."""
        outputs = [
            self._train_on(*batch)
            for batch in parts_of(batch_size or x.shape[0], x, y, weight, error)
        ]
        if output_error is not None:
            output_error.copy_(self.output_errors(torch.cat(outputs), y, error))
        return outputs[-1]

    def close(self) -> None:
        """Drop the gradients."""
        self.optimizer.zero_grad()

    def _forward(self, x: Tensor) -> Tensor:
        if self.autocast is None:
            return self.module(x)
        with torch.autocast(x.device.type, self.autocast):
            return self.module(x).to(self.dtype)

    def _train_on(self, x: Tensor, y: Tensor, weight: Tensor | None, error: Tensor) -> Tensor:
        self.optimizer.zero_grad()
        output = self._forward(x)
        errors = self.errors(output, y)
        (errors if weight is None else errors * weight).mean().backward()
        if self.on_grad is not None:
            self.on_grad(x, y)
        self.optimizer.step()
        error.copy_(errors.detach())
        return output.detach()
