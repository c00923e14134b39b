"""The errors of a batch in a stock skorch net, from the outputs that its training made anyway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from skorch import NeuralNet
from skorch.dataset import get_len, unpack_data
from torch import Tensor, nn

from ..steps import Objective
from ..steps._objective import mean_of_sample


@torch.no_grad()
def errors_of_batch(
    net: NeuralNet, batch: Any, y_pred: Any, objective: Objective | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return the errors of each row of a batch.

    Parameters
    ----------
    net : NeuralNet
        The net, which has a criterion with a `reduction`.
    batch : tuple or list
        What the DataLoader yields.
    y_pred : Any
        What the net's `infer` made of it.
    objective : Objective or None, default=None
        That of the net's criterion, to return the errors of the outputs too.

    Returns
    -------
    error : Tensor of shape (n_rows,)
        The loss, as the net's own `get_loss` has it; of several values a row their mean.
    output_error : Tensor of shape (n_rows,) or None
        See :meth:`Objective.output_error`. None without an `objective`, or if they are not known,
        as `get_loss` does not call the criterion with an output and a target of each row.

    Raises
    ------
    ValueError
        If `get_loss` averages by itself.
    """
    X, y = unpack_data(batch)
    n_rows = get_len(X)
    with _unreduced(net.criterion_), _heard(net.criterion_, objective is not None) as calls:
        error = net.get_loss(y_pred, y, X=X, training=True).detach()
    if error.dim() == 0 or error.shape[0] != n_rows:
        raise ValueError(
            "get_loss must give a value a row while criterion_.reduction is 'none'. Got shape "
            f"{tuple(error.shape)} for a batch of {n_rows} rows of {type(net).__name__} instead."
        )
    error = mean_of_sample(error)
    # Of several outputs the first counts, as in predictions of skorch.
    if objective is None or not calls:
        return error, None
    return error, _output_errors(objective, calls[0], error)


def _output_errors(objective: Objective, heard: tuple[Any, ...], error: Tensor) -> Tensor | None:
    if len(heard) != 2 or not all(isinstance(argument, Tensor) for argument in heard):
        return None
    output, target = heard
    if output.shape[:1] != error.shape:
        return None
    output = output.to(torch.promote_types(output.dtype, torch.float32))  # 8 bits are too few
    return objective.output_error(output, target, error)


@contextmanager
def _unreduced(criterion: Any) -> Iterator[None]:
    """Let the criterion give a value a row."""
    reduction = criterion.reduction
    try:
        criterion.reduction = "none"
        yield
    finally:
        criterion.reduction = reduction


@contextmanager
def _heard(criterion: nn.Module, listen: bool) -> Iterator[list[tuple[Any, ...]]]:
    """Make a list of the arguments that the criterion is called with."""
    # What outputs mean is between the net and its criterion: of NLLLoss NeuralNet wants logarithms
    # and NeuralNetClassifier probabilities; subclasses choose targets, and outputs out of tuples.
    calls: list[tuple[Any, ...]] = []
    if not listen:
        yield calls
        return
    hook = criterion.register_forward_pre_hook(lambda _, arguments: calls.append(arguments))
    try:
        yield calls
    finally:
        hook.remove()
