"""The loss of the validation set."""

from __future__ import annotations

import torch
from skorch import NeuralNet
from torch import Tensor

from ._batches import sequential_batches
from ._errors import per_sample_error
from ._watching import BATCH_HOOKS, is_watched, notify_batch_end


@torch.no_grad()
def validate(net: NeuralNet, held_out: tuple[Tensor, ...], batch_size: int) -> float:
    """Return the mean error of the validation set.

    Parameters
    ----------
    net : NeuralNet
        An initialised net, whose callbacks are told of each batch if they listen.
    held_out : tuple of Tensor of shape (n_samples, ...)
        Features, targets and, where there are any, sample weights.
    batch_size : int
        Rows at a time.

    Returns
    -------
    loss : float
        Mean of the errors, times the weights.
    """
    net.module_.eval()
    errors, watched = per_sample_error(net.criterion_), is_watched(net, BATCH_HOOKS)
    total = torch.zeros((), device=net.device, dtype=torch.float64)
    for x, y, *w in sequential_batches(held_out, batch_size):
        if watched:
            net.notify("on_batch_begin", batch=(x, y), training=False)
        output = net.module_(x)
        error = errors(output, y)
        error = error * w[0] if w else error
        total += error.sum()
        if watched:
            notify_batch_end(net, x, y, error.mean(), output, training=False)
    return float(total) / held_out[0].shape[0]
