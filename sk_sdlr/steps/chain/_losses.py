"""Losses: the errors of rows, and the gradient that goes down the chain."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._step import Batches


class Loss:
    """The loss of a chain, for as many batches as are learnt in one call.

    Parameters
    ----------
    n_outputs : int
        Columns of the outputs.
    like : Tensor
        Of the type, and on the device, of what is computed.
    """

    def __init__(self, n_outputs: int, like: Tensor) -> None:
        self.n_outputs = n_outputs
        self.outputs = like.new_empty(0, n_outputs)
        self.targets = like.new_empty(0, n_outputs)
        self.delta = like.new_empty(0, n_outputs)

    def begin(self, batches: Batches) -> None:
        """Take the targets of some batches."""
        n, size = batches.x.shape[0], batches.batch_size
        if self.outputs.shape[0] < n or self.delta.shape[0] != size:
            self.outputs = self.outputs.new_empty(n, self.n_outputs)
            self.targets = self.targets.new_empty(n, self.n_outputs)
            self.delta = self.delta.new_empty(size, self.n_outputs)
        self.write_targets(batches.y, self.targets[:n])

    def gradient(self, output: Tensor, begin: int, weight: Tensor | None) -> Tensor:
        """Return the gradient of the mean loss of a batch, for its outputs.

        Parameters
        ----------
        output : Tensor of shape (n, n_outputs)
            Outputs of the chain.
        begin : int
            Number of the batch's first row among all of the call.
        weight : Tensor of shape (n,) or None
            Weights of the samples.

        Returns
        -------
        gradient : Tensor of shape (n, n_outputs)
            Overwritten by the next call.
        """
        n = output.shape[0]
        rows = slice(begin, begin + n)
        delta = self.delta if n == self.delta.shape[0] else self.delta[:n]
        self.residual(output, self.outputs[rows], self.targets[rows], delta)
        if weight is not None:
            delta.mul_(weight.unsqueeze(1))
        return delta.mul_(1 / n)

    def write_targets(self, y: Tensor, targets: Tensor) -> None:
        """Write the targets in the form of outputs."""
        raise NotImplementedError

    def residual(self, output: Tensor, kept: Tensor, target: Tensor, delta: Tensor) -> None:
        """Keep what the errors are made of; write the gradient of each row's loss."""
        raise NotImplementedError

    def end(self, batches: Batches) -> None:
        """Write the errors of the rows, and of their outputs if they are asked for."""
        raise NotImplementedError


class CrossEntropy(Loss):
    """Softmax and cross-entropy.

    Parameters
    ----------
    n_outputs : int
        Columns of the outputs.
    like : Tensor
        Of the type, and on the device, of what is computed.
    smoothing : float
        The share of each target that goes to all classes.
    """

    def __init__(self, n_outputs: int, like: Tensor, smoothing: float) -> None:
        super().__init__(n_outputs, like)
        self.smoothing = smoothing

    def write_targets(self, y: Tensor, targets: Tensor) -> None:
        """Write the probabilities that are wanted."""
        rest = self.smoothing / self.n_outputs
        targets.fill_(rest).scatter_(1, y.unsqueeze(1), 1 - self.smoothing + rest)

    def residual(self, output: Tensor, kept: Tensor, target: Tensor, delta: Tensor) -> None:
        """Keep the logarithms of the probabilities; write p less the target."""
        torch.log_softmax(output, 1, out=kept)
        torch.exp(kept, out=delta)
        delta.sub_(target)

    def end(self, batches: Batches) -> None:
        """Write -log p of the classes, or its mean over the target."""
        n, y = batches.x.shape[0], batches.y.unsqueeze(1)
        log_p = self.outputs[:n]
        of_class = log_p.gather(1, y).squeeze(1)
        if self.smoothing:
            torch.sum(log_p.mul(self.targets[:n]), 1, out=batches.error)
            batches.error.neg_()
        else:
            torch.neg(of_class, out=batches.error)
        if batches.output_error is None:
            return
        if self.n_outputs == 2:  # where 1 - p_y says it all
            torch.expm1(of_class, out=batches.output_error).square_()
            return
        p = log_p.exp_()
        p.scatter_add_(1, y, torch.full_like(y, -1, dtype=p.dtype))
        _write_half_squares(p, batches.output_error)


class SquaredErrorLoss(Loss):
    """Half the squared norm of the residual."""

    def write_targets(self, y: Tensor, targets: Tensor) -> None:
        """Copy the targets."""
        targets.copy_(y)

    def residual(self, output: Tensor, kept: Tensor, target: Tensor, delta: Tensor) -> None:
        """Keep, and write, the residual."""
        torch.sub(output, target, out=delta)
        kept.copy_(delta)

    def end(self, batches: Batches) -> None:
        """Write the errors."""
        _write_half_squares(self.outputs[: batches.x.shape[0]], batches.error)
        if batches.output_error is not None:
            batches.output_error.copy_(batches.error)


def make_loss(criterion: nn.Module, n_outputs: int, like: Tensor) -> Loss:
    """Return the loss of a criterion that the registry knows."""
    if isinstance(criterion, nn.CrossEntropyLoss):
        return CrossEntropy(n_outputs, like, criterion.label_smoothing)
    return SquaredErrorLoss(n_outputs, like)


def _write_half_squares(residual: Tensor, out: Tensor) -> None:
    """Write half the squared norm of each row; the residual is overwritten."""
    torch.sum(residual.mul_(residual), 1, out=out)
    out.mul_(0.5)
