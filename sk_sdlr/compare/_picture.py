"""The picture of a comparison: error against seconds, and against rows visited."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean, median, stdev
from typing import Any, NamedTuple

from ..experiments._store import Record
from ._contestants import label_of
from ._rivals import RIVALS
from ._table import grouped


def draw(figure: Any, records: Iterable[Record], title: str) -> None:
    """Draw a line a contestant, a point of it for each budget, in two panels.

    Points are means over seeds, with their standard deviations; seconds are medians.

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
    records = list(records)
    for i, name in enumerate(grouped(records)):
        points = points_of(records, name)
        style = {
            "color": f"C{i % 10}",
            "marker": "s" if name in RIVALS else "o",
            "mfc": "w" if name in ("all", "fewer", "random") else None,
            "ms": 6,
            "lw": 1,
            "capsize": 3,
            "label": label_of(name),
        }
        errors = {"y": [p.error for p in points], "yerr": [p.spread for p in points]}
        left.errorbar([p.seconds for p in points], **errors, **style)
        if points[0].visits is not None:
            right.errorbar([p.visits for p in points], **errors, **style)
    left.set(xscale="log", xlabel="seconds", ylabel="test error")
    for axis in (left.xaxis.set_major_formatter, left.xaxis.set_minor_formatter):
        axis("{x:g}")
    left.tick_params(axis="x", which="both", rotation=45)
    right.set(xlabel="rows visited, in units of n", xlim=(0, None))
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    figure.suptitle(title)


class Point(NamedTuple):
    """A contestant with a budget.

    Parameters
    ----------
    seconds, error, spread : float
        Median, mean and standard deviation over seeds.
    visits : float or None
        Mean of the rows visited; None where rows are not visited.
    """

    seconds: float
    error: float
    spread: float
    visits: float | None


def points_of(records: list[Record], name: str) -> list[Point]:
    """Return the points of a contestant, the smallest budget first."""
    runs = [record for record in records if record["settings"]["contestant"] == name]
    return [
        point_of([run for run in runs if run["settings"]["visits"] == visits])
        for visits in sorted({run["settings"]["visits"] for run in runs})
    ]


def point_of(runs: list[Record]) -> Point:
    """Return the point of the runs of several seeds."""
    errors = [run["error"] for run in runs]
    made = [run["visits"] for run in runs if run["visits"] is not None]
    return Point(
        median(run["seconds"] for run in runs),
        mean(errors),
        stdev(errors) if len(errors) > 1 else 0.0,
        mean(made) if made else None,
    )
