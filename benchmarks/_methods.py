"""The one table of methods: how rows are chosen, and what a user might take instead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sk_sdlr.policies import (
    FullData,
    InfoBatch,
    Policy,
    RandomSubset,
    SelectiveBackprop,
    ShrinkRecall,
)

from ._baselines import BASELINES, Baseline
from ._controls import RandomOfSizes
from ._nets import Length, Net
from .data import Split

Sizes = tuple[int, ...]


@dataclass(frozen=True)
class Method:
    """A choice of rows, for our estimators.

    Parameters
    ----------
    label : str
        What tables and figures call it.
    policy : Policy or None, default=None
        Who is trained on next; None: as the estimators do by default.
    full_at_end : bool, default=False
        Whether the last share of the run is on all rows.
    follows : str or None, default=None
        The method whose run with the same seed says how many rows are visited.
    times : float, default=1
        How many times as long as the others it runs.
    in_visits : bool, default=False
        Whether it takes what it saves for further epochs: as many visits as all rows have.
    """

    label: str
    policy: Policy | None = None
    full_at_end: bool = False
    follows: str | None = None
    times: float = 1
    in_visits: bool = False

    def make(
        self, net: Net, data: Split, length: Length, seed: int, sizes: Sizes = (), **params: Any
    ) -> Any:
        """Return an estimator.

        Parameters
        ----------
        net : Net
            What is trained.
        data : Split
            The rows.
        length : Length
            Of a run, before the method has its way with it.
        seed : int
            Of the initial weights and all else.
        sizes : tuple of int, default=()
            Of the active sets of the run that this one follows.
        **params : dict
            More of the estimator's parameters.

        Returns
        -------
        estimator : estimator
            Not fitted.
        """
        policy = self.policy
        if isinstance(policy, RandomOfSizes):
            policy = replace(policy, sizes=sizes)
        own = {"seed": seed, "policy": policy, "full_at_end": self.full_at_end}
        return net.make(data, self._length(length, sizes), **own | params)

    def _length(self, length: Length, sizes: Sizes) -> Length:
        if self.follows and not isinstance(self.policy, RandomOfSizes):
            return Length(visits=sum(sizes) / sizes[0])  # the first set is of all rows
        if self.in_visits:
            return Length(visits=length.of_all_rows)
        if self.times != 1 and length.visits is not None:
            return Length(visits=self.times * length.visits)
        return length

    def targets(self, data: Split) -> Any:
        """Return what it is trained to predict."""
        return data.y

    def visits(self, fitted: Any, data: Split, length: Length) -> float | None:
        """Return the row visits of a fit, in units of the number of rows."""
        return sum(row["n_active"] for row in fitted.history_) / len(data.y)


def published(
    label: str,
    *,
    alpha: float | None = None,
    t: float = 0.2,
    recall: bool = True,
    full_at_end: bool = False,
) -> Method:
    """Return the paper's rule; by default nothing brings rows back but its own recall."""
    return Method(label, ShrinkRecall(s=0.2, t=t, alpha=alpha, recall=recall), full_at_end)


STOP_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.6, 0.8)
# In the order of tables.
METHODS: dict[str, Method | Baseline] = {
    "twice": Method("all rows, twice the visits", FullData(), times=2),
    "all_rows": Method("all rows", FullData()),
    "random_rows": Method("control: random rows", RandomSubset(), full_at_end=True),
    "sdl": published("sDL", recall=False),
    "sdlr": published("sDLr"),
    "sdlr_eq9": published("sDLr (Eq. 9)", alpha=0.5),
    "sdlr_full_at_end": published("sDLr, all rows at the end", full_at_end=True),
    "default": Method('this package, t="auto"', full_at_end=True),
    "default_visits": Method("default, equal visits", full_at_end=True, in_visits=True),
    "fewer_as_sdlr": Method("control: all rows, fewer epochs", FullData(), follows="sdlr"),
    "random_as_sdlr": Method("control: random rows", RandomOfSizes(), follows="sdlr"),
    "fewer_as_default": Method("all rows, as many visits", FullData(), follows="default"),
    "random_as_default": Method(
        "random rows, as many", RandomOfSizes(), full_at_end=True, follows="default"
    ),
    **{f"sdlr_t{t}": published(f"t = {t:.0%}", t=t) for t in STOP_THRESHOLDS},
    "infobatch": Method("InfoBatch", InfoBatch(), full_at_end=True),
    "selective_backprop": Method("SelectiveBackprop", SelectiveBackprop(), full_at_end=True),
    **BASELINES,
}
# Methods that train our nets and look at no other run.
ALONE = tuple(
    name for name, method in METHODS.items() if isinstance(method, Method) and not method.follows
)


def followed(name: str) -> str | None:
    """Return the method whose run a method needs beside its own."""
    method = METHODS[name]
    return method.follows if isinstance(method, Method) else None


def in_order(names: Iterable[str]) -> list[str]:
    """Return the names in the order of tables."""
    given = set(names)
    return [name for name in METHODS if name in given]
