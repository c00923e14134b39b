"""Batches of active rows, straight from tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

# Rows are gathered so many bytes at a time: few calls, yet what was gathered is still in the
# cache when it is trained on, and an epoch needs no second copy of the data.
CHUNK_BYTES = 2**19


def gathered(
    tensors: Sequence[Tensor], rows: Tensor, batch_size: int
) -> Iterator[tuple[Tensor, ...]]:
    """Yield the given rows of all tensors, some whole batches at a time.

    Parameters
    ----------
    tensors : sequence of Tensor of shape (n_samples, ...)
        Features, targets, weights; all on one device.
    rows : Tensor of shape (n_rows,), int64
        Row numbers in the order in which they are to be visited.
    batch_size : int
        Each part but the last has a multiple of so many rows.

    Yields
    ------
    part : tuple of Tensor
        The rows of each tensor. They are views of a buffer that is filled anew: valid until the
        next part is asked for.
    """
    row_bytes = sum(tensor[:1].nbytes for tensor in tensors)
    size = batch_size * max(1, CHUNK_BYTES // max(1, row_bytes * batch_size))
    buffers = [t.new_empty((min(size, rows.shape[0]), *t.shape[1:])) for t in tensors]
    for some in rows.split(size):
        yield tuple(
            torch.index_select(tensor, 0, some, out=buffer[: some.shape[0]])
            for tensor, buffer in zip(tensors, buffers, strict=True)
        )


def sequential_batches(tensors: Sequence[Tensor], batch_size: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield all rows in order, as views: what prediction and validation need."""
    yield from zip(*(tensor.split(batch_size) for tensor in tensors), strict=True)
