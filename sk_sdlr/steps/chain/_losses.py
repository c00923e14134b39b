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
        Columns of the outputs, of one member.
    like : Tensor
        Of the type, and on the device, of what is computed.
    n_members : int, default=1
        Members, whose outputs stand side by side; a row's loss is the mean of theirs. Here each
        has a row of its own.
    """

    def __init__(self, n_outputs: int, like: Tensor, n_members: int = 1) -> None:
        self.n_outputs, self.n_members = n_outputs, n_members
        self.outputs = like.new_empty(0, n_outputs)
        self.targets = like.new_empty(0, n_outputs)
        self.delta = like.new_empty(0, n_outputs)

    def begin(self, batches: Batches) -> None:
        """Take the targets of some batches."""
        n, size = batches.x.shape[0] * self.n_members, batches.batch_size * self.n_members
        if self.outputs.shape[0] < n or self.delta.shape[0] != size:
            self.outputs = self.outputs.new_empty(n, self.n_outputs)
            self.targets = self.targets.new_empty(n, self.n_outputs)
            self.delta = self.delta.new_empty(size, self.n_outputs)
        self.y = self._by_member(batches.y)
        self.write_targets(self.y, self.targets[:n])

    def gradient(self, output: Tensor, begin: int, weight: Tensor | None) -> Tensor:
        """Return the gradient of the mean loss of a batch, for its outputs.

        Parameters
        ----------
        output : Tensor of shape (n, n_members * n_outputs)
            Outputs of the chain.
        begin : int
            Number of the batch's first row among all of the call.
        weight : Tensor of shape (n,) or None
            Weights of the samples.

        Returns
        -------
        gradient : Tensor of shape (n, n_members * n_outputs)
            Overwritten by the next call.
        """
        k, n = self.n_members, output.shape[0] * self.n_members
        rows = slice(begin * k, begin * k + n)
        delta = self.delta if n == self.delta.shape[0] else self.delta[:n]
        self.residual(output.view(n, -1), self.outputs[rows], self.targets[rows], delta)
        by_sample = delta.view(output.shape)
        if weight is not None:
            by_sample.mul_(weight.unsqueeze(1))
        return by_sample.mul_(1 / n)

    def end(self, batches: Batches) -> None:
        """Write the errors of the rows, and of their outputs if they are asked for."""
        n = batches.x.shape[0] * self.n_members
        targets, of_outputs = self.targets[:n], batches.output_error is not None
        error, output_error = self.errors(self.outputs[:n], targets, of_outputs=of_outputs)
        self._write_means(error, batches.error)
        if batches.output_error is not None and output_error is not None:
            self._write_means(output_error, batches.output_error)

    def as_module_has_it(self, output: Tensor) -> Tensor:
        """Return outputs of the chain in the shape in which the module returns them."""
        if self.n_members == 1:
            return output
        return output.view(-1, self.n_members, self.n_outputs).transpose(1, 2)

    def write_targets(self, y: Tensor, targets: Tensor) -> None:
        """Write the targets in the form of outputs."""
        raise NotImplementedError

    def residual(self, output: Tensor, kept: Tensor, target: Tensor, delta: Tensor) -> None:
        """Keep what the errors are made of; write the gradient of each row's loss."""
        raise NotImplementedError

    def errors(
        self, kept: Tensor, target: Tensor, *, of_outputs: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the loss of each row and, if asked for, the squared error of its outputs."""
        raise NotImplementedError

    def _by_member(self, y: Tensor) -> Tensor:
        return y if self.n_members == 1 else y.repeat_interleave(self.n_members, 0)

    def _write_means(self, of_members: Tensor, out: Tensor) -> None:
        """Write the mean over the members of each row."""
        if self.n_members == 1:
            out.copy_(of_members)
        else:
            torch.mean(of_members.view(-1, self.n_members), 1, out=out)


class CrossEntropy(Loss):
    """Softmax and cross-entropy.

    Parameters
    ----------
    n_outputs, like, n_members
        See :class:`Loss`.
    smoothing : float
        The share of each target that goes to all classes.
    """

    def __init__(self, n_outputs: int, like: Tensor, n_members: int, smoothing: float) -> None:
        super().__init__(n_outputs, like, n_members)
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

    def errors(
        self, kept: Tensor, target: Tensor, *, of_outputs: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return -log p of the classes, or its mean over the target; see :class:`Loss`."""
        y = self.y.unsqueeze(1)
        of_class = kept.gather(1, y).squeeze(1)
        error = -(kept * target).sum(1) if self.smoothing else -of_class
        if not of_outputs:
            return error, None
        p = kept.exp_()
        p.scatter_add_(1, y, torch.full_like(y, -1, dtype=p.dtype))
        return error, _half_squares(p)


class TwoClasses(CrossEntropy):
    """The same of two outputs, of which only the difference counts.

    Parameters
    ----------
    n_outputs, like, n_members, smoothing
        See :class:`CrossEntropy`.
    """

    def residual(self, output: Tensor, kept: Tensor, target: Tensor, delta: Tensor) -> None:
        """Keep the difference in the first column; write p less the target."""
        difference = torch.sub(output[:, 1], output[:, 0], out=kept[:, 0])
        second = torch.sigmoid(difference, out=delta[:, 1])
        second.sub_(target[:, 1])
        torch.neg(second, out=delta[:, 0])

    def errors(
        self, kept: Tensor, target: Tensor, *, of_outputs: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return -log p of the classes, or its mean over the target; see :class:`Loss`."""
        difference = kept[:, 0]
        against = difference * (1 - 2 * self.y)  # of the other class over the right one
        error = nn.functional.softplus(against)
        output_error = against.sigmoid_().square_() if of_outputs else None
        if self.smoothing:
            wanted = target[:, 1]
            error = nn.functional.softplus(difference) - wanted * difference
        return error, output_error


class SquaredErrorLoss(Loss):
    """Half the squared norm of the residual."""

    def write_targets(self, y: Tensor, targets: Tensor) -> None:
        """Copy the targets."""
        targets.copy_(y)

    def residual(self, output: Tensor, kept: Tensor, target: Tensor, delta: Tensor) -> None:
        """Keep, and write, the residual."""
        torch.sub(output, target, out=delta)
        kept.copy_(delta)

    def errors(
        self, kept: Tensor, target: Tensor, *, of_outputs: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return half the squared norms, which are both; see :class:`Loss`."""
        error = _half_squares(kept)
        return error, error


def make_loss(criterion: nn.Module, width: int, like: Tensor, n_members: int = 1) -> Loss:
    """Return the loss of a criterion that the registry knows, on outputs of so many columns."""
    n_outputs = width // n_members
    if isinstance(criterion, nn.CrossEntropyLoss):
        kind = TwoClasses if n_outputs == 2 else CrossEntropy
        return kind(n_outputs, like, n_members, criterion.label_smoothing)
    return SquaredErrorLoss(n_outputs, like, n_members)


def _half_squares(residual: Tensor) -> Tensor:
    """Return half the squared norm of each row; the residual is overwritten."""
    return residual.mul_(residual).sum(1).mul_(0.5)
