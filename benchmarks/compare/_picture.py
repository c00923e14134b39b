"""The picture of a comparison: error against seconds, and against rows visited."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import mean, median, quantiles, stdev
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, NullFormatter

from .._baselines import BASELINES
from .._methods import METHODS
from .._paired import grouped
from .._store import Record
from ._table import LABELS


def save_picture(records: list[Record], path: Path, title: str) -> None:
    """Draw the picture into a file."""
    with plt.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = plt.figure(figsize=(10, 3.8), layout="constrained")
        draw(figure, records, title)
        figure.savefig(path, dpi=150)
        plt.close(figure)
    print(f"written: {path}")


def draw(figure: Any, records: Iterable[Record], title: str) -> None:
    """Draw a line a method, a point of it for each budget, in two panels.

    Points are means over seeds, with their standard deviations; seconds are medians. What is far
    above the others is marked at the upper edge, so that it does not squeeze them.

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
    points = {name: points_of(records, name) for name in grouped(records)}
    top = highest_shown([point.error for some in points.values() for point in some])
    height = 0.97
    for i, (name, all_points) in enumerate(points.items()):
        shown = [point for point in all_points if point.error <= top]
        style = style_of(name, f"C{i % 10}")
        errors = {"y": [p.error for p in shown], "yerr": [p.spread for p in shown]}
        left.errorbar([p.seconds for p in shown], **errors, **style)
        if all_points[0].visits is None:
            right.axhline(all_points[0].error, color=style["color"], ls=":", lw=1)
        else:
            right.errorbar([p.visits for p in shown], **errors, **style)
        above = [point for point in all_points if point.error > top]
        for point in above:
            mark_above(left, point.seconds, height, point.error, style["color"])
            mark_above(right, point.visits, height, point.error, style["color"])
        height -= 0.06 if above else 0
    left.margins(y=0.05 + (0.97 - height))
    finish(figure, left, right, title)


def highest_shown(errors: list[float]) -> float:
    """Return the error from which points are far out, as Tukey has it; they are but marked."""
    if len(errors) < 4:
        return max(errors)
    first, _, third = quantiles(errors, method="inclusive")
    return third + 3 * (third - first)


def style_of(name: str, color: str) -> dict[str, Any]:
    """Return how a method is drawn: baselines square, those that choose no rows hollow."""
    return {
        "color": color,
        "marker": "s" if name in BASELINES else "o",
        "mfc": "w" if name in ("twice", "all_rows", "random_rows") else None,
        "ms": 6,
        "lw": 1,
        "capsize": 3,
        "label": LABELS.get(name, METHODS[name].label),
    }


def mark_above(axes: Any, x: float | None, height: float, error: float, color: str) -> None:
    """Draw an arrow near the upper edge, and the error that is above it."""
    if x is None:
        return
    edge = axes.get_xaxis_transform()
    axes.plot([x], [height], marker="^", color=color, ms=6, transform=edge, clip_on=False)
    axes.annotate(
        f"{error:.3g}", (x, height), (6, -3), xycoords=edge, textcoords="offset points", color=color
    )


def finish(figure: Any, left: Any, right: Any, title: str) -> None:
    """Draw axes and legend."""
    left.set(xscale="log", xlabel="seconds", ylabel="test error")
    left.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.xaxis.set_major_formatter("{x:g}")
    left.xaxis.set_minor_formatter(NullFormatter())
    right.set(xlabel="rows visited, in units of n", xlim=(0, None))
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    figure.suptitle(title)


class Point(NamedTuple):
    """A method with a budget.

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
    """Return the points of a method, the smallest budget first."""
    runs = [record for record in records if record["settings"]["method"] == name]
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
