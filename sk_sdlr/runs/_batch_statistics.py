"""The running statistics of batch norms, taken anew for weights that were never trained on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ._data import TrainingData
from ._seeding import seeded

N_ROWS, BATCH_SIZE = 8192, 1024
_BatchNorm = nn.modules.batchnorm._BatchNorm


@torch.no_grad()
def retake_statistics(module: nn.Module, data: TrainingData) -> None:
    """Set the running statistics of batch norms to those of training rows.

    They become the means over some large batches, with all else of the module in evaluation mode.
    No random numbers of a run are drawn. Of a single row nothing can be learnt.

    Parameters
    ----------
    module : nn.Module
        The net; it is left in evaluation mode.
    data : TrainingData
        The rows; at most 8,192 of them are visited.
    """
    norms: list[Any] = [part for part in module.modules() if _has_statistics(part)]
    if not norms or data.n_samples < 2:
        return
    rows = _some_rows(data.n_samples).to(data.device)
    module.eval()
    with seeded(0, data.device), _counting_nothing(norms):
        parts = rows.tensor_split(max(1, rows.shape[0] // BATCH_SIZE))
        for i, part in enumerate(parts):
            for norm in norms:
                norm.momentum = 1 / (i + 1)
            module(data.features.index_select(0, part))


def _has_statistics(part: nn.Module) -> bool:
    return isinstance(part, _BatchNorm) and isinstance(part.running_mean, Tensor)


def _some_rows(n_samples: int) -> Tensor:
    """Return all rows in random order, or enough that are drawn; always the same ones."""
    generator = Generator().manual_seed(0)
    if n_samples <= N_ROWS:
        return torch.randperm(n_samples, generator=generator)
    return torch.randint(n_samples, (N_ROWS,), generator=generator)


@contextmanager
def _counting_nothing(norms: list[Any]) -> Iterator[None]:
    """Have batch norms learn, but leave their counts and settings as they were."""
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    try:
        for norm in norms:
            norm.train().num_batches_tracked = None
        yield
    finally:
        for norm, (momentum, n_batches) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, n_batches
            norm.eval()
