"""The buffers that DenseStep writes to."""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from ._chunks import chunk_bytes
from ._dense_activations import DenseActivation

# In units of what is gathered at a time: enough for that and for a few outputs. Two workspaces in
# place of one cost nets of 50 units 2.5 %.
ROOM = 2


class Workspace:
    """Everything that the step on some batches of one size writes to, small enough for the cache.

    In it `_1` stands for an appended row of ones, `_t` for a transposed view. A last batch of
    fewer rows fills the first columns only; the others hold what was there before.
    """

    def __init__(
        self, matrices: list[Tensor], batch_size: int, n_batches: int, activation: DenseActivation
    ) -> None:
        n_inputs, n_outputs = matrices[0].shape[1], matrices[-1].shape[0]
        row_bytes = matrices[0].element_size() * (n_inputs + 2 * n_outputs)
        self.batch_size, self.made_for = batch_size, n_batches
        room = ROOM * chunk_bytes(matrices[0].device)
        self.n_batches = max(1, min(n_batches, room // (row_bytes * batch_size)))
        new, sizes = matrices[0].new_zeros, [matrix.shape[0] for matrix in matrices]

        self.inputs = new(self.n_batches * batch_size, n_inputs)
        self.inputs[:, -1] = 1
        self.x = self.inputs.split(batch_size)
        self.x_t = [x.t() for x in self.x]

        self.h_1 = [new(size + 1, batch_size) for size in sizes[:-1]]
        for h_1 in self.h_1:
            h_1[-1] = 1
        self.h = [h_1[:-1] for h_1 in self.h_1]
        self.h_1t = [h_1.t() for h_1 in self.h_1]
        self.z = [torch.zeros_like(h) for h in self.h] if activation.keeps_input else self.h

        self.logits = new(n_outputs, batch_size)
        self.outputs = new(self.n_batches, n_outputs, batch_size)
        self.targets = torch.zeros_like(self.outputs)
        self.output, self.target = self.outputs.unbind(), self.targets.unbind()
        self.delta = [new(size, batch_size) for size in sizes]

    def fill(self, x: Tensor, y: Tensor, classes: bool) -> None:
        """Write inputs and targets."""
        self.inputs[: x.shape[0], :-1].copy_(x)
        n_batches = ceil(x.shape[0] / self.batch_size)
        targets = self.targets[:n_batches]
        if classes:
            self.y = self.padded(y).view(n_batches, 1, self.batch_size)
            targets.zero_().scatter_(1, self.y, 1)
        else:
            y = self.padded(y).view(n_batches, self.batch_size, -1)
            targets.copy_(y.transpose(1, 2))

    def padded(self, values: Tensor) -> Tensor:
        """Return one value a row, and zeros up to whole batches."""
        missing = -values.shape[0] % self.batch_size
        if not missing:
            return values
        return torch.cat([values, values.new_zeros(missing, *values.shape[1:])])

    def errors(self, n_batches: int, classes: bool) -> Tensor:
        """Return the errors of the rows, those of padding included."""
        outputs = self.outputs[:n_batches]
        if classes:
            return outputs.gather(1, self.y).neg_().view(-1)
        return _half_squares(outputs - self.targets[:n_batches])

    def write_output_errors(self, error: Tensor, classes: bool, out: Tensor) -> None:
        """Write the squared errors of the outputs, after the errors were asked for.

        Of classes the logarithms of the outputs are lost by it.
        """
        if not classes:
            out.copy_(error)
        elif self.outputs.shape[1] == 2:  # where 1 - p_y says it all
            torch.neg(error, out=out).expm1_().square_()
        else:
            n_batches = ceil(error.shape[0] / self.batch_size)
            residual = self.outputs[:n_batches].exp_().sub_(self.targets[:n_batches])
            out.copy_(_half_squares(residual)[: error.shape[0]])


def _half_squares(residual: Tensor) -> Tensor:
    """Return half the squared norm of each row's residual; these are overwritten."""
    return residual.mul_(residual).sum(1).mul_(0.5).view(-1)
