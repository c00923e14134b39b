"""The learning rate of each batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, pi
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from ..steps._step import set_learning_rate
from ._budget import Budget
from ._plain import plain

LR_SCHEDULES: dict[str, Callable[[float], float]] = {
    "linear": lambda progress: 1 - progress,
    "cosine": lambda progress: (1 + cos(pi * progress)) / 2,
    "constant_cosine": lambda progress: (1 + cos(pi * max(0.0, 2 * progress - 1))) / 2,
}
Schedule = str | Callable[[Optimizer], LRScheduler] | None


class LearningRate:
    """The learning rate of a run.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its groups' present learning rates are the initial ones.
    schedule : {"linear", "cosine", "constant_cosine"}, callable or None
        None: constant. "linear" and "cosine" fall to 0 over the budget, from batch to batch: a run
        of few epochs would otherwise end at a rate that is still high. "constant_cosine" does so
        over the second half. A callable, such as a class of ``torch.optim.lr_scheduler``, is called
        with the optimiser and makes a scheduler that is stepped after each epoch.
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule) -> None:
        self.optimizer = optimizer
        plain(optimizer.param_groups)  # numbers that are the same before and after they are stored
        # Without a schedule the rates, and where they began, are somebody else's: a callback's.
        self.is_scheduled = schedule is not None
        for group in self._groups:
            group["initial_lr"] = group["lr"]  # where torch's schedulers have it too
        self.factor = LR_SCHEDULES[schedule] if isinstance(schedule, str) else None
        self.scheduler = schedule(optimizer) if callable(schedule) else None
        self.left_at: list[float] | None = None  # the rates of the groups when they were restored

    @property
    def current(self) -> float:
        """The learning rate: of the last group, where skorch has what no pattern names."""
        return float(self.optimizer.param_groups[-1]["lr"])

    @property
    def _groups(self) -> list[dict[str, Any]]:
        return self.optimizer.param_groups if self.is_scheduled else []

    def begin_epoch(self, budget: Budget) -> None:
        """Set the rate with which an epoch begins."""
        if self.factor is not None:
            set_learning_rate(self.optimizer.param_groups, self.factor(budget.progress))

    def factors(
        self, budget: Budget, rows: slice, n_visited: int, batch_size: int
    ) -> list[float] | None:
        """Return the factor of the rate of each batch.

        Parameters
        ----------
        budget : Budget
            How far the run had come before the epoch.
        rows : slice
            The rows of these batches, counted from the begin of the epoch.
        n_visited : int
            Rows of the epoch.
        batch_size : int
            Rows a batch.

        Returns
        -------
        factors : list of float or None
            See :class:`Batches`. A batch's factor is that of the progress at its first row.
        """
        if self.factor is None:
            return None
        factor, begin, a_row = self.factor, budget.progress, budget.progress_of_row(n_visited)
        return [factor(begin + a_row * i) for i in range(rows.start, rows.stop, batch_size)]

    def end_epoch(self, record: Mapping[str, Any]) -> None:
        """Step torch's scheduler, which may want to know the loss."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(record.get("valid_loss", record["train_loss"]))
        elif self.scheduler is not None:
            self.scheduler.step()

    def restore(self) -> None:
        """Leave the initial rates: the next run begins with them, or with what is set by then.

        Those that a callback has set in a run without a schedule stay.
        """
        self.left_at = [group["lr"] for group in self._groups]
        for group in self._groups:
            group["lr"] = group.pop("initial_lr")

    def go_on(self) -> None:
        """Take the rates again that were there before they were restored."""
        for group, lr in zip(self._groups, self.left_at or (), strict=False):
            group["initial_lr"], group["lr"] = group["lr"], lr
        self.left_at = None

    def state_dict(self) -> dict[str, Any]:
        """Return what is not in the optimiser, which has the rates themselves."""
        scheduler = None if self.scheduler is None else self.scheduler.state_dict()
        return {"scheduler": scheduler, "left_at": self.left_at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.left_at = state["left_at"]
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
