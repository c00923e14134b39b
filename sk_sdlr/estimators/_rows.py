"""Rows, targets and weights on their way into a fit; numpy only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split


def shape_of(X: Any) -> tuple[int, ...]:
    """Return the shape of what may be an array, a table, or lists of numbers."""
    return tuple(X.shape) if hasattr(X, "shape") else np.asarray(X).shape


def batch_size_for(n_samples: int, batch_size: int | str) -> int:
    """Return the rows of a batch.

    Parameters
    ----------
    n_samples : int
        Rows to train on.
    batch_size : int or "auto"
        The number, or "auto": a power of two about n_samples / 50, from 16 to 256, but a single
        batch of up to 32 rows, in which weights count exactly as repetitions do.

    Returns
    -------
    batch_size : int
        The number.
    """
    if not isinstance(batch_size, str):
        return min(batch_size, n_samples)
    if n_samples <= 32:
        return 32
    # Small tables need enough updates, large ones full vectors.
    return int(np.clip(2 ** int(np.log2(max(n_samples / 50, 1))), 16, 256))


@dataclass(frozen=True)
class Rows:
    """Training rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Class numbers (int64) or targets.
    weight : ndarray of shape (n_samples,) or None
        Sample weights; None means 1.
    shape : tuple of int
        Shape of a row as it was given; X may hold it flat.
    """

    X: NDArray
    y: NDArray
    weight: NDArray | None
    shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return self.X.shape[0]

    def take(self, index: NDArray) -> Rows:
        """Return the rows of these numbers."""
        weight = None if self.weight is None else self.weight[index]
        return replace(self, X=self.X[index], y=self.y[index], weight=weight)

    def without_weightless(self) -> Rows:
        """Return the rows of weight above 0."""
        if self.weight is None or np.all(self.weight > 0):
            return self
        return self.take(np.flatnonzero(self.weight))

    def merged(self) -> Rows:
        """Return each distinct row once, in lexical order, weighted by how often it was there.

        To an epoch of one batch the two are the same sum; written this way it is also the same to
        the last bit, whether a row is given twice or with a weight of 2.
        """
        joined = np.column_stack([self.X.reshape(len(self), -1), self.y])
        _, first, group = np.unique(joined, axis=0, return_index=True, return_inverse=True)
        weight = np.bincount(group.ravel(), weights=self.weight)
        return replace(self.take(first), weight=weight)

    def with_mean_weight_one(self) -> Rows:
        """Return the rows with weights that average 1, or none where all are equal."""
        if self.weight is None or np.all(self.weight == self.weight[0]):
            return replace(self, weight=None)
        return replace(self, weight=self.weight * (len(self) / self.weight.sum()))

    def split(self, fraction: float, stratify: bool, seed: int) -> tuple[Rows, Rows]:
        """Return rows to train on and a share of rows to validate on."""
        train, valid = train_test_split(
            np.arange(len(self)),
            test_size=fraction,
            random_state=seed,
            stratify=self.y if stratify else None,
        )
        return self.take(train), self.take(valid)
