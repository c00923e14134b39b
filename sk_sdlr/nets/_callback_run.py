"""A run whose loop is skorch's: which rows it visits, and the errors of the epoch in progress."""

from __future__ import annotations

import torch
from skorch import NeuralNet
from torch import Generator, Tensor

from ..policies import Policy
from ..policies._base import OUTPUT_ERROR
from ..runs._budget import Budget
from ..runs._state import RunState
from ..runs._visited import Visited
from ..steps import Objective
from ._callback_checks import weighs
from ._sampler import ActiveRows


class CallbackRun:
    """What a callback keeps of one fit.

    Parameters
    ----------
    net : NeuralNet
        The net, whose loop this follows.
    policy : Policy
        Chooses the rows of each epoch.
    full_at_end : float
        The last share of the epochs that visits all rows.
    sampler : ActiveRows
        Yields the rows.
    n_samples : int
        Rows of the training set.
    """

    def __init__(
        self,
        net: NeuralNet,
        policy: Policy,
        full_at_end: float,
        sampler: ActiveRows,
        n_samples: int,
    ) -> None:
        self.policy, self.sampler = policy, sampler
        loader = net.get_params_for("iterator_train")
        batch_size = loader.get("batch_size", net.batch_size)
        self.batch_size = n_samples if batch_size == -1 else batch_size
        self.drop_last = loader.get("drop_last", False)
        objective = Objective(net.criterion_)
        self.state = RunState(
            policy,
            Budget(n_samples, net.max_epochs, full_at_end=full_at_end),
            new_generator(),
            bounded_outputs=objective.bounded_outputs,
        )
        self.objective = objective if OUTPUT_ERROR in self.state.needs else None

    @property
    def n_visits(self) -> int:
        """Rows that the epoch visits."""
        n_active = len(self.sampler)
        return n_active - n_active % self.batch_size if self.drop_last else n_active

    def begin_epoch(self) -> None:
        """Have the sampler yield the active rows."""
        self.errors: list[Tensor] = []
        self.output_errors: list[Tensor] = []
        # With drop_last fewer rows than a batch would be none.
        active = self.state.begin_epoch(self.batch_size if self.drop_last else 1)
        if active.weight is not None:
            raise weighs(self.policy)
        self.sampler.set(active.index)

    def note(self, error: Tensor, output_error: Tensor | None) -> None:
        """Keep the errors of a batch, on whichever device they are."""
        if not len(self.sampler.order):
            raise self._visits(f"{error.shape[0]} rows of its own choice")
        self.errors.append(error)
        if output_error is not None:
            self.output_errors.append(output_error)

    def end_epoch(self) -> float | None:
        """Choose the rows of the next epoch; return the error under which rows were left out."""
        n_visited = sum(error.shape[0] for error in self.errors)
        if n_visited != self.n_visits:
            raise self._visits(f"{n_visited} rows")
        if n_visited == 0:
            return None
        known = len(self.output_errors) == len(self.errors)
        # Where those of the outputs are not known, the loss itself has to do.
        self.state.bounded_outputs &= known or self.objective is None
        error, output = _fetch(self.errors, self.output_errors if known else self.errors)
        signals = {} if self.objective is None else {OUTPUT_ERROR: output}
        self.state.last_error = self.state.last_error.to(error.dtype)
        index = self.sampler.order[:n_visited]
        return self.state.end_epoch(Visited(index, error, signals), self.batch_size)

    def _visits(self, what: str) -> RuntimeError:
        return RuntimeError(
            f"The net's iterator_train must visit the {self.n_visits} rows that its argument "
            f"`sampler` yields, in that order. It visits {what} instead."
        )


def _fetch(*errors: list[Tensor]) -> tuple[Tensor, ...]:
    """Return the errors of the epoch; this is the one time that the host waits for them."""
    fetched = torch.stack([torch.cat(part) for part in errors]).cpu()
    # numpy has no bfloat16
    return fetched.to(torch.promote_types(fetched.dtype, torch.float32)).unbind()


def new_generator() -> Generator:
    """Return a generator for the policy, seeded by torch's global one."""
    # That one is looked at, not moved on, so that a policy which drops nothing changes nothing, to
    # the bit. DataLoader will draw the same number to seed its workers: theirs are other random
    # numbers, as all bits of it are flipped here.
    with torch.random.fork_rng(devices=[]):
        seed = int(torch.empty((), dtype=torch.int64).random_())
    return Generator().manual_seed(~seed)
