"""The training set while it is trained on: its tensors, and the last known error of each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from ..policies import ActiveSet, EpochReport
from ..policies._base import OUTPUT_ERROR
from ._batches import Gather
from ._schedule import Budget
from ._steps import Step


def check_least(n_samples: int, batch_size: int, least: int) -> None:
    """Raise ValueError if no batch can have as many rows as the module's batch norm needs."""
    if min(n_samples, batch_size) < least:
        raise ValueError(
            f"The module's batch norm needs batches of at least {least} rows, "
            f"however: n_samples={n_samples}, batch_size={batch_size}."
        )


class TrainingRows:
    """Rows that are visited, some of them an epoch.

    Parameters
    ----------
    tensors : sequence of Tensor of shape (n_samples, ...)
        Features, targets and, where there are any, sample weights; on the device to train on.
    batch_size : int
        Rows a batch.
    dtype : torch.dtype
        Type of the errors.
    least : int, default=1
        The fewest rows that a batch may have; a last batch of fewer is left for another epoch.
    keep_outputs : bool, default=False
        Whether the squared errors of the outputs are noted too.
    is_bounded : bool, default=True
        Whether these are of probabilities; see :class:`EpochReport`.

    Raises
    ------
    ValueError
        If no batch can have so many.
    """

    def __init__(
        self,
        tensors: Sequence[Tensor],
        batch_size: int,
        dtype: torch.dtype,
        least: int = 1,
        *,
        keep_outputs: bool = False,
        is_bounded: bool = True,
    ) -> None:
        n_samples, device = tensors[0].shape[0], tensors[0].device
        check_least(n_samples, batch_size, least)
        self.features, self.targets = tensors[:2]
        self.sample_weight = tensors[2] if len(tensors) == 3 else None
        self.batch_size = batch_size
        self.least = least
        self.keep_outputs, self.is_bounded = keep_outputs, is_bounded
        self.last_error = torch.full((n_samples,), torch.nan, device=device, dtype=dtype)
        self.plain = Gather(tensors, batch_size)

    def visit(
        self,
        active: ActiveSet,
        step: Step,
        budget: Budget,
        generator: Generator,
        on_progress: Callable[[float], None] | None = None,
    ) -> EpochReport:
        """Train on the active rows once, in random order; return their errors.

        Some times in an epoch `on_progress` is told the share of the run that is over.
        """
        n_active = active.index.shape[0]
        n_visited = self._without_rest(budget.affordable(n_active))
        order = torch.randperm(n_active, generator=generator)[:n_visited]
        rows = active.index.index_select(0, order.to(active.index.device))
        error = self.last_error.new_empty(rows.shape[0])
        output_error = torch.empty_like(error) if self.keep_outputs else None
        begin = 0
        for x, y, *weight in self._gather(active)(rows):
            some = slice(begin, begin + x.shape[0])
            outputs = None if output_error is None else output_error[some]
            if on_progress is not None:
                on_progress(budget.progress_within(begin, n_visited))
            step(x, y, weight[0] if weight else None, error[some], self.batch_size, outputs)
            begin = some.stop
        weights = None
        if self.sample_weight is not None:
            # The weights of the user belong to the error of a row, those of the policy do not.
            weights = self.sample_weight.index_select(0, rows)
            error *= weights
        self.last_error.index_copy_(0, rows, error)
        table, progress = self.last_error, budget.progress_after(n_visited)
        if n_visited < n_active and self.least > 1:
            # A row that was left for another epoch, and never seen, is to stay active.
            table = torch.where(table.isnan(), error.max(), table)
        return EpochReport(
            rows,
            error,
            self.batch_size,
            budget.epoch + 1,
            progress,
            table,
            {} if output_error is None else {OUTPUT_ERROR: output_error},
            weights,
            self.is_bounded,
        )

    def _without_rest(self, n_rows: int) -> int:
        n_last = n_rows % self.batch_size
        return n_rows - n_last if n_last < min(self.least, n_rows) else n_rows

    def _gather(self, active: ActiveSet) -> Gather:
        """Return what gathers batches, with the policy's weights if it has any."""
        if active.weight is None:
            return self.plain
        weight = torch.ones_like(self.last_error)
        weight[active.index] = active.weight.to(weight)
        if self.sample_weight is not None:
            weight *= self.sample_weight
        return Gather((self.features, self.targets, weight), self.batch_size)
