"""The picture: test error against seconds of the fit, a panel a set."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path
from statistics import mean, median
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, NullFormatter

from .._paired import grouped
from .._store import Record
from ..compare._picture import highest_shown, mark_above
from ._methods import TABLE_METHODS
from ._page import in_order
from ._ranks import title_of

N_COLUMNS = 3
LEGEND_INCHES = 2.6


def save_picture(records: Sequence[Record], path: Path) -> None:
    """Draw the picture into a file."""
    n_sets = len({run["settings"]["dataset"] for run in records})
    n_columns = min(n_sets, N_COLUMNS)
    size = (3.4 * n_columns + LEGEND_INCHES, 3.2 * ceil(n_sets / N_COLUMNS))
    with plt.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = plt.figure(figsize=size, layout="constrained")
        draw(figure, records)
        figure.savefig(path, dpi=150)
        plt.close(figure)
    print(f"written: {path}")


def draw(figure: Any, records: Sequence[Record]) -> None:
    """Draw a point a method, means and medians over seeds, in a panel a set.

    Ours are filled circles, others' methods hollow squares; what is far above the others is marked
    at the upper edge.

    Parameters
    ----------
    figure : matplotlib Figure
        Where.
    records : sequence of dict
        The runs; those that have no result are left out.
    """
    done = [run for run in in_order(records) if run["status"] == "done"]
    sets = list(dict.fromkeys(run["settings"]["dataset"] for run in records))
    n_columns = max(1, min(len(sets), N_COLUMNS))
    panels = figure.subplots(ceil(len(sets) / n_columns), n_columns, squeeze=False).flat
    marks: dict[str, Any] = {}
    for name, axes in zip(sets, panels, strict=False):
        marks |= draw_panel(axes, [r for r in done if r["settings"]["dataset"] == name])
        axes.set_title(title_of(name))
    for axes in list(panels)[len(sets) :]:
        axes.set_axis_off()
    marks = {method: marks[method] for method in TABLE_METHODS if method in marks}
    labels = [TABLE_METHODS[method].label for method in marks]
    figure.legend(list(marks.values()), labels, loc="outside right upper", frameon=False)


def draw_panel(axes: Any, records: list[Record]) -> dict[str, Any]:
    """Draw a set, and return what stands for each method."""
    points = {
        name: (
            median(run["seconds"] for run in runs.values()),
            mean(run["error"] for run in runs.values()),
        )
        for name, runs in grouped(records, "model").items()
    }
    top = highest_shown([y for _, y in points.values()]) if points else 1.0
    marks, height = {}, 0.95
    for name, (x, y) in points.items():
        style = style_of(name)
        (marks[name],) = axes.plot([x], [y] if y <= top else [float("nan")], ls="", **style)
        if y > top:
            mark_above(axes, x, height, y, style["color"])
            height -= 0.08
    is_numbers = any("rmse" in run for run in records)
    axes.margins(0.12, 0.12 + (0.95 - height))
    axes.set(xscale="log", xlabel="seconds", ylabel="1 - R2" if is_numbers else "test error")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    return marks


def style_of(name: str) -> dict[str, Any]:
    """Return how a method is drawn, the same in all panels."""
    color = plt.get_cmap("tab20")(list(TABLE_METHODS).index(name) % 20)
    is_ours = TABLE_METHODS[name].package == "sk_sdlr"
    shape = {"marker": "o"} if is_ours else {"marker": "s", "mfc": "w", "mew": 1.8}
    return shape | {"color": color, "ms": 9 if is_ours else 7}
