"""The training set, and batches of its active rows, straight from tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..steps._chunks import chunk_bytes


class TrainingData:
    """Features, targets and weights of samples, on the device to train on.

    Parameters
    ----------
    features : Tensor of shape (n_samples, ...)
        Features.
    targets : Tensor of shape (n_samples, ...)
        Targets.
    sample_weight : Tensor of shape (n_samples,) or None, default=None
        Weights of the samples; None means 1 for all.

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.runs import TrainingData
    >>> data = TrainingData(torch.eye(4), torch.arange(4))
    >>> [y for x, y, weight in data.batches(3)]
    [tensor([0, 1, 2]), tensor([3])]
    """

    def __init__(
        self, features: Tensor, targets: Tensor, sample_weight: Tensor | None = None
    ) -> None:
        self.features = features
        self.targets = targets
        self.sample_weight = sample_weight

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return self.features.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.features.device

    def batches(self, batch_size: int) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """Yield all rows in order, as views: what validation needs."""
        for begin in range(0, self.n_samples, batch_size):
            rows = slice(begin, begin + batch_size)
            weight = None if self.sample_weight is None else self.sample_weight[rows]
            yield self.features[rows], self.targets[rows], weight

    def gather(self, batch_size: int, weight: Tensor | None = None) -> Gather:
        """Return what gathers rows, with the weights of the samples, or with these if given."""
        weight = self.sample_weight if weight is None else weight
        tensors = (self.features, self.targets) + (() if weight is None else (weight,))
        return Gather(tensors, batch_size)


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
        whole_batches = max(1, room // max(1, row_bytes * batch_size))
        self.size = min(batch_size * whole_batches, tensors[0].shape[0])
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
