"""Squared errors of the outputs: how far off a row is, on one scale for every training loss."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

# Maps the outputs of a module to probabilities, by the loss that goes with them.
PROBABILITIES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.CrossEntropyLoss: lambda output: output.softmax(1),
    nn.NLLLoss: torch.exp,
    nn.BCEWithLogitsLoss: torch.sigmoid,
    nn.BCELoss: lambda output: output,
}


def squared_output_error(criterion: nn.Module) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Return a function that gives half of ``||o - y||^2`` of each sample.

    Parameters
    ----------
    criterion : nn.Module
        The training loss, which says what outputs are.

    Returns
    -------
    output_errors : callable
        Maps outputs and targets of n samples, and their errors by the loss, to a tensor of shape
        (n,). Outputs of cross-entropies are brought to probabilities, in which a sample has an
        error of at most 1 (times the number of outputs, where each is a probability of its own).
        Of any other loss the errors themselves are returned.
    """
    probabilities, ignored = _probabilities(criterion), getattr(criterion, "ignore_index", -100)
    if probabilities is None:
        return lambda output, target, error: error

    def output_errors(output: Tensor, target: Tensor, error: Tensor) -> Tensor:
        p = probabilities(output)
        if target.is_floating_point():
            return _half_squares(p - target.view_as(p))
        # The residual is squared, as p_y^2 - 2 p_y + 1 would round to 0 where p_y is nearly 1.
        classes = target.clamp(0, p.shape[1] - 1).unsqueeze(1)
        residual = p.scatter_add_(1, classes, torch.full_like(classes, -1, dtype=p.dtype))
        return _half_squares(residual.masked_fill_((target == ignored).unsqueeze(1), 0))

    return output_errors


def _half_squares(residual: Tensor) -> Tensor:
    """Return half the squared norm of each row's residual, or its mean over several positions."""
    squares = residual.square() / 2
    squares = squares if squares.dim() == 1 else squares.sum(1)
    return squares if squares.dim() == 1 else squares.flatten(1).mean(1)


def has_bounded_outputs(criterion: nn.Module) -> bool:
    """Return whether the loss says that outputs are, or stand for, probabilities.

    Parameters
    ----------
    criterion : nn.Module
        The training loss.

    Returns
    -------
    bounded : bool
        False if this is not known.
    """
    return _probabilities(criterion) is not None


def _probabilities(criterion: nn.Module) -> Callable[[Tensor], Tensor] | None:
    plain = getattr(criterion, "_orig_mod", criterion)  # of one that torch.compile made
    return PROBABILITIES.get(type(plain))
