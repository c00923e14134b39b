"""What is minimised: loss per sample, error of the outputs, and whether these are bounded."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn

from ._squared_error import SquaredError

# Maps the outputs of a module to probabilities, by the loss that goes with them.
PROBABILITIES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.CrossEntropyLoss: lambda output: output.softmax(1),
    nn.NLLLoss: torch.exp,
    nn.BCEWithLogitsLoss: torch.sigmoid,
    nn.BCELoss: lambda output: output,
}


class Objective:
    """What a criterion says of each sample.

    Parameters
    ----------
    criterion : nn.Module
        A loss with a `reduction` attribute, as all of torch's have.
    bounded_outputs : bool or None, default=None
        Whether outputs are, or stand for, probabilities. None: by the criterion, False where it
        does not say so.

    Attributes
    ----------
    criterion : nn.Module
        The criterion, as it was given.
    bounded_outputs : bool
        Whether outputs are, or stand for, probabilities.

    Raises
    ------
    TypeError
        If the criterion has no `reduction`.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_sdlr.steps import Objective
    >>> objective = Objective(nn.CrossEntropyLoss())
    >>> output, target = torch.tensor([[0.0, 0.0], [3.0, 0.0]]), torch.tensor([0, 0])
    >>> loss = objective.loss(output, target)
    >>> loss
    tensor([0.6931, 0.0486])
    >>> objective.output_error(output, target, loss)[0]
    tensor(0.2500)
    """

    def __init__(self, criterion: nn.Module, *, bounded_outputs: bool | None = None) -> None:
        check_criterion(criterion)
        self.criterion = criterion
        # What torch.compile makes shares the module that it was made of with its copies.
        plain: Any = getattr(criterion, "_orig_mod", criterion)
        self._unreduced = copy(plain)
        self._unreduced.reduction = "none"
        self._probabilities = PROBABILITIES.get(type(plain))
        # Outputs with an axis more than these would take are those of several members.
        self._has_members = type(plain) in (nn.CrossEntropyLoss, SquaredError)
        self._ignored = getattr(plain, "ignore_index", -100)
        known = self._probabilities is not None
        self.bounded_outputs = known if bounded_outputs is None else bounded_outputs

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the criterion's value of each sample.

        Parameters
        ----------
        output : Tensor of shape (n, ...)
            Outputs of the module. Of several members, (n, n_outputs, n_members).
        target : Tensor of shape (n, ...)
            Targets, the same for all members.

        Returns
        -------
        loss : Tensor of shape (n,)
            Where the criterion has several values a sample, their mean, so that the mean over the
            samples is its own mean (unless it weighs classes: then each value is multiplied by the
            weight of its class).
        """
        loss: Tensor = self._unreduced(output, self._of_members(output, target))
        return mean_of_sample(loss)

    def output_error(self, output: Tensor, target: Tensor, loss: Tensor) -> Tensor:
        """Return half of ``||o - y||^2`` of each sample: how far off it is, on one scale.

        Parameters
        ----------
        output : Tensor of shape (n, ...)
            Outputs of the module.
        target : Tensor of shape (n, ...)
            Targets.
        loss : Tensor of shape (n,)
            What :meth:`loss` makes of them.

        Returns
        -------
        error : Tensor of shape (n,)
            Outputs of cross-entropies are brought to probabilities, of which a sample has an error
            of at most 1 (times the number of outputs, where each is a probability of its own). Of
            any other criterion the loss itself.
        """
        if self._probabilities is None:
            return loss
        p, target = self._probabilities(output), self._of_members(output, target)
        if target.is_floating_point():
            return _half_squares(p - target.view_as(p))
        # The residual is squared, as p_y^2 - 2 p_y + 1 would round to 0 where p_y is nearly 1.
        classes = target.clamp(0, p.shape[1] - 1).unsqueeze(1)
        residual = p.scatter_add_(1, classes, torch.full_like(classes, -1, dtype=p.dtype))
        return _half_squares(residual.masked_fill_((target == self._ignored).unsqueeze(1), 0))

    def _of_members(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the targets of all members, if that is what the last axis of the outputs is."""
        axes = target.dim() + (1 if target.is_floating_point() else 2)
        if self._has_members and output.dim() == 3 == axes:
            return target.unsqueeze(-1).expand(*target.shape, output.shape[-1])
        return target


def check_criterion(criterion: object) -> None:
    """Raise TypeError unless the criterion can give a value of each sample.

    Parameters
    ----------
    criterion : object
        Must have a `reduction` attribute.
    """
    if not hasattr(criterion, "reduction"):
        raise TypeError(
            "criterion must have a 'reduction' attribute that can be set to 'none'. "
            f"Got {type(criterion).__name__} instead."
        )


def mean_of_sample(loss: Tensor) -> Tensor:
    """Return one value a sample: the mean of its values."""
    return loss if loss.dim() == 1 else loss.flatten(1).mean(1)


def _half_squares(residual: Tensor) -> Tensor:
    """Return half the squared norm of each row's residual, or its mean over several positions."""
    squares = residual.square() / 2
    squares = squares if squares.dim() == 1 else squares.sum(1)
    return squares if squares.dim() == 1 else mean_of_sample(squares)
