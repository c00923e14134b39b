"""Early stopping: the best weights of a run, by the loss of the validation rows."""

from __future__ import annotations

from math import inf
from typing import Any

from torch import nn

from ._settings import TrainingSettings
from ._snapshot import Snapshot


class EarlyStopping:
    """Says when a run stops, and keeps its best weights.

    Parameters
    ----------
    module : nn.Module
        The net.
    n_iter_no_change : int
        Epochs without an improvement after which the run stops.
    tol : float
        An epoch improves the loss if it is lower than the best one by more than this.
    """

    def __init__(self, module: nn.Module, n_iter_no_change: int, tol: float) -> None:
        self.n_iter_no_change = n_iter_no_change
        self.tol = float(tol)
        self.best = Snapshot(module)
        self.bound = inf
        self.n_misses = 0
        self.is_last_best = True
        self.is_best_in_place = False  # if so, it is the last weights that are kept

    @property
    def stops(self) -> bool:
        """Whether the run is to stop."""
        return self.n_misses >= self.n_iter_no_change

    def end_epoch(self, loss: float) -> None:
        """Note the loss of the validation rows; keep the weights if it is the best one."""
        self.is_last_best = loss < self.bound
        if self.is_last_best:
            self.n_misses, self.bound = 0, loss - self.tol
            self.best.save()
        else:
            self.n_misses += 1

    def restore_best(self) -> None:
        """Put the best weights into place, if there are any."""
        if self.bound < inf and not self.is_last_best:
            self.best.swap()
            self.is_best_in_place = True

    def go_on(self) -> None:
        """Put the last weights into place again."""
        if self.is_best_in_place:
            self.best.swap()
            self.is_best_in_place = False

    def state_dict(self) -> dict[str, Any]:
        """Return what it remembers."""
        return {
            "best": self.best.state_dict(),
            "bound": self.bound,
            "n_misses": self.n_misses,
            "is_last_best": self.is_last_best,
            "is_best_in_place": self.is_best_in_place,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best.load_state_dict(state["best"])
        self.bound, self.n_misses = state["bound"], state["n_misses"]
        self.is_last_best = state["is_last_best"]
        self.is_best_in_place = state["is_best_in_place"]


def make_stopping(
    module: nn.Module, settings: TrainingSettings, *, has_validation: bool
) -> EarlyStopping | None:
    """Return what stops a run early, if the settings want it.

    Parameters
    ----------
    module : nn.Module
        The net.
    settings : TrainingSettings
        Of the run.
    has_validation : bool
        Whether there are validation rows.

    Returns
    -------
    stopping : EarlyStopping or None
        What stops it.

    Raises
    ------
    ValueError
        If there are no validation rows to go by.
    """
    if settings.n_iter_no_change is None:
        return None
    if not has_validation:
        raise ValueError("n_iter_no_change needs validation rows. Got validation=None instead.")
    return EarlyStopping(module, settings.n_iter_no_change, settings.tol)
