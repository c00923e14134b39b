"""Places of the methods on each set, and their means."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import inf
from statistics import mean

from scipy.stats import rankdata
from tabulate import tabulate

from .._store import Record
from ._methods import TABLE_METHODS

Ranks = dict[str, dict[str, float]]
# Of classes, and of numbers.
LOSSES = ("log_loss", "rmse")


def ranks(records: Sequence[Record], methods: Collection[str], keys: Sequence[str]) -> Ranks:
    """Return the ranks by set and by method.

    Parameters
    ----------
    records : sequence of dict
        The runs.
    methods : collection of str
        Those among which is ranked; one that has no run on a set has no rank there.
    keys : sequence of str
        The number that is the smaller the better: the first of these that a set's runs have.

    Returns
    -------
    ranks : dict of dict
        1 is the best; equal ones share theirs, and what was not done shares the last.
    """
    found: Ranks = {}
    for name in dict.fromkeys(run["settings"]["dataset"] for run in records):
        on_set = [run for run in records if run["settings"]["dataset"] == name]
        key = next((key for key in keys if any(key in run for run in on_set)), keys[0])
        values = {method: _mean(on_set, method, key) for method in methods}
        there = {method: value for method, value in values.items() if value is not None}
        places = rankdata(list(there.values()))
        found[name] = dict(zip(there, map(float, places), strict=True))
    return found


def _mean(records: list[Record], method: str, key: str) -> float | None:
    values = [run.get(key, inf) for run in records if run["settings"]["model"] == method]
    return mean(values) if values else None


def mean_ranks(found: Ranks) -> dict[str, float]:
    """Return the mean over the sets on which each method has a rank, the best first."""
    methods = dict.fromkeys(method for on_set in found.values() for method in on_set)
    means = {name: mean(s[name] for s in found.values() if name in s) for name in methods}
    return dict(sorted(means.items(), key=lambda item: item[1]))


def rank_table(records: Sequence[Record], methods: Collection[str]) -> str:
    """Return the ranks by error on each set, and the means by error and by loss, as Markdown."""
    by_error = ranks(records, methods, ("error",))
    by_loss = mean_ranks(ranks(records, methods, LOSSES))
    rows = [
        [
            TABLE_METHODS[name].label,
            f"{value:.2f}",
            f"{by_loss[name]:.2f}",
            *(f"{on_set[name]:g}" if name in on_set else "" for on_set in by_error.values()),
        ]
        for name, value in mean_ranks(by_error).items()
    ]
    columns = ["", "mean rank", "by log loss or RMSE", *map(title_of, by_error)]
    return tabulate(rows, columns, tablefmt="github", disable_numparse=True)


def title_of(dataset: str) -> str:
    """Return what a set is called in tables: of a file, its name."""
    return dataset.rpartition("/")[2]
