"""The average of the weights over the last part of a run, which predicts better than the last ones.

After n batches the present weights w enter the average by::

    average <- average + (w - average) / (share n + 1)

so that its window is about that share of the batches done. The average of weights close to each
other is nearly what the mean of their nets would be, at the cost of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..steps._step import Batches, Step
from ._batch_statistics import retake_statistics
from ._data import TrainingData
from ._snapshot import Snapshot

# Batches after which the present weights are taken in, for all of them at once.
N_BATCHES = 8


class WeightAverage:
    """An exponential average of a module's weights, and its place in the module.

    Parameters
    ----------
    module : nn.Module
        The net, whose weights are what is trained.
    data : TrainingData
        The rows that batch norms have their statistics of.
    share : float
        The window of the average, in (0, 1): a share of the batches done so far.
    """

    def __init__(self, module: nn.Module, data: TrainingData, share: float) -> None:
        self.module, self.data, self.share = module, data, float(share)
        # The average and its buffers, or what is trained while the average is in place.
        self.other = Snapshot(module)
        self.is_in_place = False
        self.n_batches = 0  # those in the average
        self.n_new = 0  # those since

    @property
    def n_missing(self) -> int:
        """Batches until the weights are taken in."""
        return N_BATCHES - self.n_new

    def count(self, n_batches: int) -> None:
        """Note that so many batches were learnt."""
        self.n_new += n_batches
        if self.n_new >= N_BATCHES:
            self.update()

    def update(self) -> None:
        """Take the present weights in, in place of those after each of the batches since."""
        if not self.n_new:
            return
        self.n_batches += self.n_new
        rest = 1 - 1 / (self.share * self.n_batches + 1)
        weights = self.other.weights()
        torch._foreach_lerp_(self.other.saved[: len(weights)], weights, 1 - rest**self.n_new)
        self.n_new = 0

    def put_in_place(self) -> None:
        """Give the module the average, and batch norms their statistics under it."""
        self.update()
        if not self.n_batches:
            return
        self.other.save_buffers()
        self.other.swap()
        self.is_in_place = True
        retake_statistics(self.module, self.data)

    def go_on(self) -> None:
        """Give the module again what is trained."""
        if self.is_in_place:
            self.other.swap()
            self.is_in_place = False

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the module have the average for a while."""
        try:
            self.put_in_place()
            yield
        finally:
            self.go_on()

    def state_dict(self) -> dict[str, Any]:
        """Return what it remembers."""
        return {
            "other": self.other.state_dict(),
            "is_in_place": self.is_in_place,
            "n_batches": self.n_batches,
            "n_new": self.n_new,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.other.load_state_dict(state["other"])
        self.is_in_place = state["is_in_place"]
        self.n_batches, self.n_new = state["n_batches"], state["n_new"]


class AveragedStep:
    """A step whose weights are averaged, after each few batches, however they are gathered.

    Parameters
    ----------
    step : Step
        What learns.
    average : WeightAverage
        Of the module that it trains.
    """

    def __init__(self, step: Step, average: WeightAverage) -> None:
        self.step, self.average = step, average

    def __call__(self, batches: Batches) -> Tensor:
        """Learn each batch; see :class:`Step`."""
        output, begin = batches.x, 0
        while begin < len(batches):
            some = batches.some(begin, begin + self.average.n_missing)
            output = self.step(some)
            self.average.count(len(some))
            begin += len(some)
        return output

    def close(self) -> None:
        """Close the step that learns."""
        self.step.close()

    def state_dict(self) -> dict[str, Any]:
        """Return what the step that learns remembers."""
        return self.step.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let it go on from there."""
        self.step.load_state_dict(state)
