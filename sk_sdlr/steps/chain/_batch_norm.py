"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ._layer import Layer
from ._workspace import Workspace

aten = torch.ops.aten


class BatchNorm(Layer):
    """Normalises the columns by the batch, or one single row by the running statistics.

    Parameters
    ----------
    module : nn.BatchNorm1d
        The layer, with running statistics and weights.
    """

    def __init__(self, module: nn.BatchNorm1d) -> None:
        self.module = module
        self.parameters = [module.weight, module.bias]
        self.n_batches = 0

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers; see :class:`Layer`."""
        self.weight, self.bias = values
        self.gradients = gradients
        self.output = work.buffer(width)
        self.mean, self.inverse_std = torch.empty_like(self.weight), torch.empty_like(self.weight)
        self.running = self.module.running_mean, self.module.running_var
        self.momentum, self.eps = self.module.momentum, self.module.eps
        return width

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised batch, scaled and shifted."""
        self.input, self.is_batch = x, x.shape[0] > 1
        self.n_batches += self.is_batch
        output = self.output.rows(x.shape[0])
        aten.native_batch_norm.out(
            x,
            self.weight,
            self.bias,
            *self.running,
            self.is_batch,
            self.momentum,
            self.eps,
            out=output,
            save_mean=self.mean,
            save_invstd=self.inverse_std,
        )
        return output

    def backward(self, gradient: Tensor) -> Tensor:
        """Note the gradients of weight and bias; return that of the input."""
        # Its variant with `out` makes the same tensors, and copies them.
        below, *own = aten.native_batch_norm_backward(
            gradient,
            self.input,
            self.weight,
            *self.running,
            self.mean,
            self.inverse_std,
            self.is_batch,
            self.eps,
            (True, True, True),
        )
        for kept, new in zip(self.gradients, own, strict=True):
            kept.copy_(new)
        return below

    def end(self) -> None:
        """Count the batches."""
        if self.module.num_batches_tracked is not None:
            self.module.num_batches_tracked.add_(self.n_batches)
        self.n_batches = 0
