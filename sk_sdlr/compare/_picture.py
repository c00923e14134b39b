"""The picture of a comparison: error against seconds, and against rows visited."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean, median, stdev
from typing import Any

from ..experiments._store import Record
from ._contestants import label_of
from ._rivals import RIVALS
from ._table import grouped


def draw(figure: Any, records: Iterable[Record], title: str) -> None:
    """Draw a point a contestant, mean and standard deviation of the seeds, in two panels.

    Parameters
    ----------
    figure : matplotlib Figure
        Where.
    records : iterable of dict
        The runs.
    title : str
        Above all.
    """
    left, right = figure.subplots(1, 2, sharey=True)
    for i, (name, runs) in enumerate(grouped(records).items()):
        errors = [run["error"] for run in runs.values()]
        style = {
            "yerr": stdev(errors) if len(errors) > 1 else None,
            "color": f"C{i % 10}",
            "marker": "s" if name in RIVALS else "o",
            "mfc": "w" if name in ("all", "fewer", "random") else None,
            "ms": 7,
            "capsize": 3,
            "label": label_of(name),
        }
        error = mean(errors)
        left.errorbar(median(run["seconds"] for run in runs.values()), error, **style)
        made = [run["visits"] for run in runs.values() if run["visits"] is not None]
        if made:
            right.errorbar(mean(made), error, **style)
    left.set(xscale="log", xlabel="seconds", ylabel="test error")
    right.set(xlabel="rows visited, in units of n", xlim=(0, None))
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    figure.suptitle(title)
