"""Batches of active rows, straight from tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

import torch
from torch import Tensor

# Rows are gathered so many bytes at a time: few calls, yet what was gathered is still in the
# cache when it is trained on, and an epoch needs no second copy of the data.
CHUNK_BYTES = 2**18
# On an accelerator a call costs more than what it moves.
ACCELERATOR_CHUNK_BYTES = 2**26
# So often in an epoch on all rows, at least, there is something between two parts: time to set the
# learning rate.
LEAST_PARTS = 8


def chunk_bytes(device: torch.device) -> int:
    """Return how many bytes are best gathered at a time."""
    return CHUNK_BYTES if device.type == "cpu" else ACCELERATOR_CHUNK_BYTES


class Gather:
    """Rows of some tensors, gathered some whole batches at a time into buffers that stay.

    Parameters
    ----------
    tensors : sequence of Tensor of shape (n_samples, ...)
        Features, targets, weights; all on one device.
    batch_size : int
        Each part but the last of a pass has a multiple of so many rows.
    """

    def __init__(self, tensors: Sequence[Tensor], batch_size: int) -> None:
        self.tensors = tensors
        row_bytes = sum(tensor[:1].nbytes for tensor in tensors)
        room = chunk_bytes(tensors[0].device)
        n_batches = ceil(tensors[0].shape[0] / batch_size)
        whole_batches = min(room // max(1, row_bytes * batch_size), n_batches // LEAST_PARTS)
        self.size = min(batch_size * max(1, whole_batches), tensors[0].shape[0])
        self.buffers = [tensor.new_empty((self.size, *tensor.shape[1:])) for tensor in tensors]

    def __call__(self, rows: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Yield the given rows of all tensors.

        Parameters
        ----------
        rows : Tensor of shape (n_rows,), int64
            Row numbers in the order in which they are to be visited.

        Yields
        ------
        part : tuple of Tensor
            The rows of each tensor, valid until the next part is asked for.
        """
        for some in rows.split(self.size):
            yield tuple(
                torch.index_select(tensor, 0, some, out=buffer[: some.shape[0]])
                for tensor, buffer in zip(self.tensors, self.buffers, strict=True)
            )


def sequential_batches(tensors: Sequence[Tensor], batch_size: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield all rows in order, as views: what prediction and validation need."""
    yield from zip(*(tensor.split(batch_size) for tensor in tensors), strict=True)


def parts_of(batch_size: int, *tensors: Tensor | None) -> Iterator[tuple[Any, ...]]:
    """Yield some rows at a time of tensors that may not be there, which stay None."""
    n_rows = next(tensor.shape[0] for tensor in tensors if tensor is not None)
    for begin in range(0, n_rows, batch_size):
        rows = slice(begin, begin + batch_size)
        yield tuple(None if tensor is None else tensor[rows] for tensor in tensors)
