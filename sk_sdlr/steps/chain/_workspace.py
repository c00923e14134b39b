"""Buffers of a batch, made once."""

from __future__ import annotations

import torch
from torch import Tensor


class Buffer:
    """A matrix with a row for each sample of a batch.

    Parameters
    ----------
    tensor : Tensor of shape (batch_size, width)
        The matrix.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.batch_size = tensor.shape[0]

    def rows(self, n: int) -> Tensor:
        """Return the first `n` rows, a view."""
        return self.tensor if n == self.batch_size else self.tensor[:n]


class Workspace:
    """Makes the buffers of a chain.

    Parameters
    ----------
    batch_size : int
        Rows of a batch; the last one may have fewer.
    like : Tensor
        Of the type, and on the device, of what is computed.
    """

    def __init__(self, batch_size: int, like: Tensor) -> None:
        self.batch_size = batch_size
        self.like = like

    def buffer(self, width: int, dtype: torch.dtype | None = None) -> Buffer:
        """Return a buffer of so many columns."""
        return Buffer(self.like.new_zeros(self.batch_size, width, dtype=dtype))
