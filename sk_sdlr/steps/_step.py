"""The contract of every step: how a batch is learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

from torch import Tensor


@dataclass(slots=True)  # frozen ones take 1 us more to make
class Batches:
    """Rows that were gathered together, and where their errors go.

    Parameters
    ----------
    x : Tensor of shape (n, ...)
        Features.
    y : Tensor of shape (n, ...)
        Targets.
    error : Tensor of shape (n,)
        To be filled with the loss of each sample, without its weight, before the update.
    batch_size : int
        Rows a batch; the last batch may be shorter.
    weight : Tensor of shape (n,) or None, default=None
        Weights of the samples. What a batch minimises is the mean of weight times loss.
    output_error : Tensor of shape (n,) or None, default=None
        To be filled with the squared error of the outputs, where it is asked for.
    lr_factors : sequence of float or None, default=None
        For each batch the factor of the ``initial_lr`` of the optimiser's groups; None leaves
        their ``lr`` as it is.
    """

    x: Tensor
    y: Tensor
    error: Tensor
    batch_size: int
    weight: Tensor | None = None
    output_error: Tensor | None = None
    lr_factors: Sequence[float] | None = None

    def __len__(self) -> int:
        return ceil(self.x.shape[0] / self.batch_size)

    def __iter__(self) -> Iterator[Batches]:
        for i in range(len(self)):
            yield self.some(i, i + 1)

    def some(self, begin: int, end: int) -> Batches:
        """Return the batches from number `begin` to before number `end`."""
        if begin == 0 and end >= len(self):
            return self
        rows = slice(begin * self.batch_size, end * self.batch_size)
        return Batches(
            self.x[rows],
            self.y[rows],
            self.error[rows],
            self.batch_size,
            None if self.weight is None else self.weight[rows],
            None if self.output_error is None else self.output_error[rows],
            None if self.lr_factors is None else self.lr_factors[begin:end],
        )


class Step(Protocol):
    """Learns batches one after the other, without asking the device for a value."""

    def __call__(self, batches: Batches) -> Tensor:
        """Learn each batch, and note its errors.

        Parameters
        ----------
        batches : Batches
            The rows.

        Returns
        -------
        output : Tensor of shape (n_last, ...)
            The module's output for the last batch, valid until the next call.
        """

    def close(self) -> None:
        """Leave module and optimiser as if their own methods had done the work."""

    def state_dict(self) -> dict[str, Any]:
        """Return what the step remembers beside module and optimiser."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""


def set_learning_rate(groups: list[dict[str, Any]], factor: float) -> None:
    """Set the rate of each group to a multiple of its initial one.

    Parameters
    ----------
    groups : list of dict
        Parameter groups of an optimiser, which have an ``initial_lr``.
    factor : float
        The multiple.
    """
    for group in groups:
        group["lr"] = group["initial_lr"] * factor
