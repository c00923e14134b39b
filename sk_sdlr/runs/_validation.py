"""The loss of the validation rows."""

from __future__ import annotations

import torch
from torch import nn

from ..steps import Objective
from ..steps._bfloat16 import exact_products
from ._data import TrainingData
from ._listener import Listener


@torch.no_grad()
def validate(
    module: nn.Module,
    objective: Objective,
    data: TrainingData,
    batch_size: int,
    listener: Listener,
) -> float:
    """Return the mean loss of the validation rows.

    Parameters
    ----------
    module : nn.Module
        The net; it is left in evaluation mode.
    objective : Objective
        Gives the loss of each sample.
    data : TrainingData
        The rows.
    batch_size : int
        Rows at a time.
    listener : Listener
        Is told of each batch if it wants to be.

    Returns
    -------
    loss : float
        Mean of the losses, times the weights.
    """
    module.eval()
    total = torch.zeros((), device=data.device, dtype=torch.float64)
    for x, y, weight in data.batches(batch_size):
        if listener.wants_batches:
            listener.on_batch_begin(x, y, training=False)
        with exact_products():
            output = module(x)
        loss = objective.loss(output, y)
        loss = loss if weight is None else loss * weight
        total += loss.sum()
        if listener.wants_batches:
            listener.on_batch_end(x, y, loss.mean(), output, training=False)
    return float(total) / data.n_samples
