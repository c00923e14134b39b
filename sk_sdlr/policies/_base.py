"""The contract of every policy: who is trained on in the next epoch.

A training run keeps an *active set* of rows. An epoch visits those rows and notes the error that
each of them had in the training pass; no further forward pass is made. At its end the policy maps
(active set, report of the epoch) to the next active set::

    active = policy.start(n_samples)
    for epoch in ...:
        report = train_on(active)                            # somebody else's work
        active = policy.update(active, report, generator=g)  # this package's idea

A policy is pure: the same arguments, the state of ``generator`` included, give the same answer. It
knows nothing of nets and data. What it has to remember from one epoch to the next it keeps in a
subclass of :class:`ActiveSet`, never on itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

import torch
from torch import Generator, Tensor

# The signal of half of ``||o - y||^2`` of each row visited.
OUTPUT_ERROR = "output_error"


@dataclass(frozen=True)
class ActiveSet:
    """The rows that the next epoch trains on.

    Subclasses add what their policy has to remember: fields that are tensors, numbers, bools,
    strings or None, so that a run can be stored without pickle.

    Parameters
    ----------
    index : Tensor of shape (n_active,), int64
        Row numbers of the training set, sorted and unique; at least one.
    weight : Tensor of shape (n_active,) or None, default=None
        Weight of each row's error in the loss; None means 1 for all.
    threshold : float or None, default=None
        The error under which rows were left out when this set was made; None if none were.
    """

    index: Tensor
    weight: Tensor | None = None
    threshold: float | None = None

    def to(self, device: str | torch.device) -> Self:
        """Return the set with its tensors on this device."""
        state = self.state_dict()
        moved = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in state.items()}
        is_there = all(moved[name] is value for name, value in state.items())
        return self if is_there else self.from_state_dict(moved)

    def with_rows(self, index: Tensor) -> Self:
        """Return as many other rows, without weights, and what the set remembers."""
        return replace(self, index=index, weight=None, threshold=None)

    def state_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state_dict(cls, state: Mapping[str, Any]) -> Self:
        """Return the set of which `state` is the state dict."""
        return cls(**state)


@dataclass(frozen=True)
class EpochReport:
    """What the epoch just run knows.

    Parameters
    ----------
    index : Tensor of shape (n_visited,), int64
        The rows in the order in which they were visited.
    error : Tensor of shape (n_visited,)
        Their per-sample errors, in the same order.
    batch_size : int
        Rows a batch; the last batch may be shorter.
    epoch : int
        Number of the epoch, from 1.
    progress : float
        Share of the run that is over after this epoch, in (0, 1]: in row visits where a budget of
        visits bounds the run, else in epochs.
    last_error : Tensor of shape (n_samples,)
        The last known error of every row of the training set; NaN if there is none yet.
    signals : mapping of str to Tensor of shape (n_visited,), default={}
        What else the policy asked for by its `needs`, in the order of the visits, from the training
        pass, before the row's own update. "output_error": half of ``||o - y||^2``, without the
        sample's weight. It has a scale of its own, whatever the training loss: where outputs are
        probabilities, 0 is a row that is wholly right and 1 one that is wholly wrong.
    sample_weight : Tensor of shape (n_visited,) or None, default=None
        Weights of the samples visited, in the order of the visits; None means 1 for all.
    bounded_outputs : bool, default=True
        Whether the outputs are probabilities. If not, single output errors may be of any size.
    """

    index: Tensor
    error: Tensor
    batch_size: int
    epoch: int
    progress: float
    last_error: Tensor
    signals: Mapping[str, Tensor] = field(default_factory=dict)
    sample_weight: Tensor | None = None
    bounded_outputs: bool = True

    @property
    def n_samples(self) -> int:
        """Number of rows of the training set."""
        return self.last_error.shape[0]


class Policy(ABC):
    """Base of the policies: ``start``, ``update``, and parameters that a search can set.

    Subclasses are dataclasses, so that their fields are their parameters. They check them in
    ``_check``, which runs when one is made and whenever :meth:`set_params` changes it.

    Attributes
    ----------
    is_weighted : bool
        Whether active sets may come with weights; of the class, False unless it says otherwise.
    """

    is_weighted: ClassVar[bool] = False

    @property
    def needs(self) -> frozenset[str]:
        """Names of the signals that `update` reads; none unless a policy says otherwise."""
        return frozenset()

    def __post_init__(self) -> None:
        self._check()

    def _check(self) -> None:
        """Raise an error that names the parameter, the value and what is allowed."""

    def start(self, n_samples: int) -> ActiveSet:
        """Return the active set of the first epoch: all rows.

        Parameters
        ----------
        n_samples : int
            Number of rows of the training set.

        Returns
        -------
        active : ActiveSet
            All rows, with weight 1, on the CPU.
        """
        return ActiveSet(torch.arange(n_samples))

    @abstractmethod
    def update(self, active: ActiveSet, report: EpochReport, *, generator: Generator) -> ActiveSet:
        """Return the active set of the next epoch.

        Parameters
        ----------
        active : ActiveSet
            The set that the epoch just run was trained on; on the device of the report.
        report : EpochReport
            The errors of that epoch.
        generator : torch.Generator
            The only source of randomness; on the CPU.

        Returns
        -------
        active : ActiveSet
            Rows (sorted, unique, at least one) of the next epoch, on the device of the report or on
            the CPU.

        Raises
        ------
        ValueError
            If a method that ranks errors finds one that is NaN or infinite, or if the report lacks
            a signal that the policy needs.
        """

    def make_active_set(self, state: Mapping[str, Any]) -> ActiveSet:
        """Return an active set of this policy that was stored.

        Parameters
        ----------
        state : dict
            The state dict of a set that `start` or `update` returned.

        Returns
        -------
        active : ActiveSet
            That set.
        """
        return ActiveSet.from_state_dict(state)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name, as scikit-learn's estimators do.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add those of a policy that is itself a parameter, as ``name__parameter``.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        if deep:
            for name, value in list(params.items()):
                if isinstance(value, Policy):
                    params |= {f"{name}__{key}": v for key, v in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name; ``name__parameter`` reaches into a policy held as a parameter.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : Policy
            This policy.

        Raises
        ------
        ValueError
            If there is no parameter of that name, or a value is out of its range; nothing is
            changed then.
        """
        changed = self.get_params(deep=False)
        nested: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            name, _, rest = key.partition("__")
            if name not in changed:
                raise self._unknown(name)
            if rest:
                nested.setdefault(name, {})[rest] = value
            else:
                changed[name] = value
        for name, inner in nested.items():
            if not isinstance(changed[name], Policy):
                raise self._unknown(f"{name}__{next(iter(inner))}")
            deepcopy(changed[name]).set_params(**inner)  # raises before anything is changed
        type(self)(**changed)
        vars(self).update(changed)
        for name, inner in nested.items():
            changed[name].set_params(**inner)
        return self

    def _unknown(self, name: str) -> ValueError:
        own = sorted(self.get_params(deep=False))
        # scikit-learn's own words.
        return ValueError(
            f"Invalid parameter {name!r} for policy {self!r}. Valid parameters are: {own!r}."
        )
