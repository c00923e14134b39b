"""Buffers of a batch, made once."""

from __future__ import annotations

import torch
from torch import Tensor


class Buffer:
    """A matrix with a row for each sample of a batch, or for each member of each.

    Parameters
    ----------
    tensor : Tensor of shape (n_rows, width)
        The matrix.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.n_rows = tensor.shape[0]

    def rows(self, n: int) -> Tensor:
        """Return the first `n` rows, a view."""
        return self.tensor if n == self.n_rows else self.tensor[:n]


class Workspace:
    """Makes the buffers of a chain.

    Parameters
    ----------
    n_rows : int
        Rows of a batch; the last one may have fewer.
    like : Tensor
        Of the type, and on the device, of what is computed.
    """

    def __init__(self, n_rows: int, like: Tensor) -> None:
        self.n_rows = n_rows
        self.like = like

    def buffer(self, width: int, dtype: torch.dtype | None = None) -> Buffer:
        """Return a buffer of so many columns."""
        return Buffer(self.like.new_zeros(self.n_rows, width, dtype=dtype))

    def multiply_rows(self, factor: int) -> None:
        """Let later buffers have so many rows for each that they had."""
        self.n_rows *= factor

    def divide_rows(self, factor: int) -> None:
        """Take :meth:`multiply_rows` back."""
        self.n_rows //= factor
