"""Which rows a run trains on: the state that a policy and a budget leave behind."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator

from ..policies import ActiveSet, EpochReport, Policy
from ._budget import Budget
from ._visited import Visited


class RunState:
    """The active set of a run, the last error of each row, and what is spent of the budget.

    Parameters
    ----------
    policy : Policy
        Chooses the rows of each epoch.
    budget : Budget
        How long the run lasts.
    generator : torch.Generator
        The policy's source of randomness; on the CPU.
    device : str or torch.device, default="cpu"
        Where the rows are.
    dtype : torch.dtype, default=torch.float32
        Type of the errors.
    bounded_outputs : bool, default=True
        Whether outputs are probabilities.

    Attributes
    ----------
    active : ActiveSet
        The rows of the epoch in progress, or to come.
    last_error : Tensor of shape (n_samples,)
        The last known error of each row; NaN if there is none.
    needs : frozenset of str
        The signals that the policy needs.
    """

    def __init__(
        self,
        policy: Policy,
        budget: Budget,
        generator: Generator,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        *,
        bounded_outputs: bool = True,
    ) -> None:
        self.policy = policy
        self.budget = budget
        self.generator = generator
        self.device = device
        self.bounded_outputs = bounded_outputs
        self.needs = frozenset(getattr(policy, "needs", ()))
        self.active = policy.start(budget.n_samples).to(device)
        self.all_rows = ActiveSet(torch.arange(budget.n_samples, device=device))
        self.last_error = torch.full((budget.n_samples,), torch.nan, device=device, dtype=dtype)

    def begin_epoch(self, min_rows: int = 1) -> ActiveSet:
        """Return the rows of the epoch to come.

        Parameters
        ----------
        min_rows : int, default=1
            If fewer are active, all rows are.

        Returns
        -------
        active : ActiveSet
            The active rows; all rows in the last share of the budget.
        """
        n_active = self.active.index.shape[0]
        if n_active < min_rows or self.budget.is_full(n_active):
            self.active = self.all_rows
        return self.active

    def end_epoch(self, visited: Visited, batch_size: int) -> float | None:
        """Note the errors of an epoch, and let the policy choose the rows of the next one.

        Parameters
        ----------
        visited : Visited
            The rows and their errors.
        batch_size : int
            Rows a batch.

        Returns
        -------
        threshold : float or None
            The error under which rows leave; None if none do.
        """
        index, error = visited.index, visited.error
        n_visited, n_active = index.shape[0], self.active.index.shape[0]
        self.last_error.index_copy_(0, index, error)
        self.budget.spend(n_visited)
        if self.budget.over or self.budget.is_full(1):
            return None
        table = self.last_error
        if n_visited < n_active:
            # A row that was left for another epoch, and never seen, is to stay active.
            table = torch.where(table.isnan(), error.max(), table)
        report = EpochReport(
            index,
            error,
            batch_size,
            self.budget.epoch,
            self.budget.progress,
            table,
            visited.signals,
            visited.sample_weight,
            self.bounded_outputs,
        )
        chosen = self.policy.update(self.active, report, generator=self.generator)
        self.active = chosen.to(self.device)
        return self.active.threshold

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes from epoch to epoch: tensors, numbers and None."""
        return {
            "active": self.active.state_dict(),
            "last_error": self.last_error,
            "epoch": self.budget.epoch,
            "visits": self.budget.visits,
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there.

        Parameters
        ----------
        state : dict
            Of a run on as many rows, with such a policy.

        Raises
        ------
        ValueError
            If it is of a run on another number of rows.
        """
        n_samples = state["last_error"].shape[0]
        if n_samples != self.budget.n_samples:
            raise ValueError(
                f"The state must be of a run on {self.budget.n_samples} rows. "
                f"Got one on {n_samples} rows instead."
            )
        make = getattr(self.policy, "make_active_set", ActiveSet.from_state_dict)
        self.active = make(state["active"]).to(self.device)
        self.last_error.copy_(state["last_error"])
        self.budget.epoch, self.budget.visits = state["epoch"], state["visits"]
        self.generator.set_state(state["generator"])
