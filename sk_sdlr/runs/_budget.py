"""How long a run lasts, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # settings know the schedules, which know a budget
    from ._settings import TrainingSettings


@dataclass
class Budget:
    """Epochs or row visits that a run may spend, and those spent.

    Parameters
    ----------
    n_samples : int
        Rows of the training set.
    max_epochs : int
        Passes over the active set; not used where `max_passes` is given.
    max_passes : float or None, default=None
        Row visits, in units of `n_samples`.
    full_at_end : float, default=0.0
        The last share of the run that is trained on all rows, in [0, 1].
    epoch : int, default=0
        Epochs done.
    visits : int, default=0
        Rows visited.

    Examples
    --------
    >>> from sk_sdlr.runs._budget import Budget
    >>> budget = Budget(n_samples=100, max_epochs=10, full_at_end=0.1)
    >>> budget.spend(100)
    >>> budget.progress, budget.is_full(80)
    (0.1, False)
    """

    n_samples: int
    max_epochs: int
    max_passes: float | None = None
    full_at_end: float = 0.0
    epoch: int = 0
    visits: int = 0

    @classmethod
    def of(cls, settings: TrainingSettings, n_samples: int) -> Budget:
        """Return the budget of a run that has just begun."""
        return cls(n_samples, settings.max_epochs, settings.max_passes, settings.full_at_end)

    @property
    def max_visits(self) -> int | None:
        """Row visits that the run may spend; None if epochs bound it."""
        return None if self.max_passes is None else max(1, round(self.max_passes * self.n_samples))

    @property
    def progress(self) -> float:
        """Share of the run that is over."""
        return self._share_after(0, 0)

    def progress_after(self, n_visited: int) -> float:
        """Share of the run that is over after another epoch, of `n_visited` rows."""
        return self._share_after(1, n_visited)

    def progress_of_row(self, n_visited: int) -> float:
        """Share of the run that a row is, in an epoch of `n_visited` rows."""
        return 1 / (self.max_visits or self.max_epochs * n_visited)

    @property
    def over(self) -> bool:
        """Whether everything is spent."""
        if self.max_visits is None:
            return self.epoch >= self.max_epochs
        return self.visits >= self.max_visits

    def spend(self, n_visited: int) -> None:
        """Count an epoch of `n_visited` rows."""
        self.epoch += 1
        self.visits += n_visited

    def is_full(self, n_active: int) -> bool:
        """Return whether an epoch of `n_active` rows would end in the share that visits all."""
        return self.full_at_end > 0 and self.progress_after(n_active) > 1 - self.full_at_end + 1e-9

    def affordable(self, n_active: int) -> int:
        """Return how many of `n_active` rows may still be visited."""
        if self.max_visits is None:
            return n_active
        return min(n_active, self.max_visits - self.visits)

    def _share_after(self, epochs: float, visits: int) -> float:
        if self.max_visits is None:  # skorch's partial_fit may run more epochs than that
            return min(1.0, (self.epoch + epochs) / self.max_epochs)
        return (self.visits + visits) / self.max_visits
