"""The batches of an epoch, and the errors that they leave."""

from __future__ import annotations

import torch
from torch import Tensor

from ..policies import ActiveSet
from ..policies._base import OUTPUT_ERROR
from ..steps._step import Batches, Step
from ._data import Gather, TrainingData
from ._learning_rate import LearningRate
from ._state import RunState
from ._visited import Visited


class BatchLoop:
    """Visits active rows once, in random order, some batches at a time.

    Parameters
    ----------
    data : TrainingData
        All rows.
    batch_size : int
        Rows a batch.
    min_rows : int
        The fewest rows that a batch may have; a last batch of fewer is left for another epoch.
    """

    def __init__(self, data: TrainingData, batch_size: int, min_rows: int) -> None:
        self.data = data
        self.batch_size = min(batch_size, data.n_samples)  # steps have buffers of that many rows
        self.min_rows = min_rows
        self.gather = data.gather(self.batch_size)

    def __call__(
        self, active: ActiveSet, step: Step, state: RunState, rate: LearningRate
    ) -> Visited:
        """Train on the active rows.

        Parameters
        ----------
        active : ActiveSet
            The rows.
        step : Step
            Learns the batches.
        state : RunState
            Says how many rows may be visited, what is to be noted, and draws their order.
        rate : LearningRate
            The rate of each batch.

        Returns
        -------
        visited : Visited
            The rows and their errors.
        """
        index = self._order(active.index, state)
        error = state.last_error.new_empty(index.shape[0])
        signals = {name: torch.empty_like(error) for name in state.needs}
        output_error, begin = signals.get(OUTPUT_ERROR), 0
        for x, y, *weight in self._gather_with(active, error.dtype)(index):
            some = slice(begin, begin + x.shape[0])
            factors = rate.factors(state.budget, some, index.shape[0], self.batch_size)
            noted = None if output_error is None else output_error[some]
            weights = weight[0] if weight else None
            step(Batches(x, y, error[some], self.batch_size, weights, noted, factors))
            begin = some.stop
        return self._weighted(Visited(index, error, signals))

    def _order(self, active: Tensor, state: RunState) -> Tensor:
        n_active = active.shape[0]
        n_visited = self._without_rest(state.budget.affordable(n_active))
        order = torch.randperm(n_active, generator=state.generator)[:n_visited]
        return active.index_select(0, order.to(active.device))

    def _without_rest(self, n_rows: int) -> int:
        """Return how many rows make batches that the module takes."""
        n_last = n_rows % self.batch_size
        return n_rows - n_last if n_last < min(self.min_rows, n_rows) else n_rows

    def _gather_with(self, active: ActiveSet, dtype: torch.dtype) -> Gather:
        """Return what gathers rows, with the policy's weights if it has any."""
        if active.weight is None:
            return self.gather
        given = self.data.sample_weight
        weights = active.weight.new_ones(self.data.n_samples, dtype=dtype)
        weights[active.index] = active.weight.to(weights)
        if given is not None:
            weights *= given
        return self.data.gather(self.batch_size, weights)

    def _weighted(self, visited: Visited) -> Visited:
        """Return the errors times the weights of the samples."""
        given = self.data.sample_weight
        if given is None:
            return visited
        # The weights of the user belong to the error of a row, those of the policy do not.
        weights = given.index_select(0, visited.index)
        visited.error.mul_(weights)
        return Visited(visited.index, visited.error, visited.signals, weights)
