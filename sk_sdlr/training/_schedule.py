"""How long a run lasts, how far it has come, and the learning rate that goes with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

LR_SCHEDULES: dict[str, Callable[[float], float]] = {
    "linear": lambda progress: 1 - progress,
    "cosine": lambda progress: (1 + cos(pi * progress)) / 2,
}


@dataclass
class Budget:
    """Epochs or row visits that a run may spend, and those spent.

    Parameters
    ----------
    n_samples : int
        Rows of the training set.
    max_epochs : int
        Passes over the active set; not used where `max_visits` is given.
    max_visits : float or None, default=None
        Row visits, in units of `n_samples`.
    anneal : float, default=0.0
        The last share of the run that is trained on all rows, in [0, 1].
    epoch : int, default=0
        Epochs done.
    visits : int, default=0
        Rows visited.

    Examples
    --------
    >>> from sk_sdlr.training import Budget
    >>> budget = Budget(n_samples=100, max_epochs=10, anneal=0.1)
    >>> budget.spend(100)
    >>> budget.progress, budget.annealing(80)
    (0.1, False)
    """

    n_samples: int
    max_epochs: int
    max_visits: float | None = None
    anneal: float = 0.0
    epoch: int = 0
    visits: int = 0

    @property
    def total_visits(self) -> int | None:
        """Row visits that the run may spend; None if epochs bound it."""
        return None if self.max_visits is None else max(1, round(self.max_visits * self.n_samples))

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return self._share_after(0, 0)

    def progress_after(self, n_visited: int) -> float:
        """Share of the run that is over after another epoch, of `n_visited` rows."""
        return self._share_after(1, n_visited)

    def progress_within(self, n_done: int, n_visited: int) -> float:
        """Share of the run that is over when so many of an epoch's rows have been visited."""
        return self._share_after(n_done / n_visited, n_done)

    @property
    def over(self) -> bool:
        """Whether everything is spent."""
        if self.total_visits is None:
            return self.epoch >= self.max_epochs
        return self.visits >= self.total_visits

    def spend(self, n_visited: int) -> None:
        """Count an epoch of `n_visited` rows."""
        self.epoch += 1
        self.visits += n_visited

    def annealing(self, n_active: int) -> bool:
        """Return whether an epoch of `n_active` rows would end in the last, annealed share."""
        return self.anneal > 0 and self.progress_after(n_active) > 1 - self.anneal + 1e-9

    def affordable(self, n_active: int) -> int:
        """Return how many of `n_active` rows may still be visited."""
        if self.total_visits is None:
            return n_active
        return min(n_active, self.total_visits - self.visits)

    def _share_after(self, epochs: float, visits: int) -> float:
        if self.total_visits is None:
            return (self.epoch + epochs) / self.max_epochs
        return (self.visits + visits) / self.total_visits


class LearningRate:
    """Sets the optimiser's learning rate.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its groups' present learning rates are the initial ones.
    schedule : {"linear", "cosine"}, callable or None
        None: constant. "linear" and "cosine" fall to 0 over the budget, within its epochs too: a
        run of few epochs would otherwise end at a rate that is still high. A callable, such as a
        class of ``torch.optim.lr_scheduler``, is called with the optimiser and makes a scheduler
        that is stepped after each epoch.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: str | Callable[[Optimizer], LRScheduler] | None,
    ) -> None:
        self.groups = optimizer.param_groups
        self.initial = [group["lr"] for group in self.groups]
        self.factor = LR_SCHEDULES[schedule] if isinstance(schedule, str) else None
        self.scheduler = schedule(optimizer) if callable(schedule) else None

    @property
    def current(self) -> float:
        """The learning rate (of the first group)."""
        return float(self.groups[0]["lr"])

    def set(self, progress: float) -> None:
        """Set the rate that a named schedule has when this share of the run is over."""
        if self.factor is not None:
            factor = self.factor(progress)
            for group, initial in zip(self.groups, self.initial, strict=True):
                group["lr"] = initial * factor

    def after_epoch(self, loss: float) -> None:
        """Step torch's scheduler, which may want to know the loss."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(loss)
        elif self.scheduler is not None:
            self.scheduler.step()

    def restore(self) -> None:
        """Leave the initial rates: the next run begins with them, or with what is set by then."""
        for group, initial in zip(self.groups, self.initial, strict=True):
            group["lr"] = initial
            group.pop("initial_lr", None)  # which torch's schedulers leave and would begin with
