"""The one table: a row a method, differences and ratios to a control within each seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import mean, median, stdev
from typing import Any

from tabulate import tabulate

from ._methods import METHODS, in_order
from ._store import Record

BySeed = Mapping[int, Record]
Column = Callable[[BySeed, BySeed], str]


def grouped(records: Iterable[Record], key: str = "method") -> dict[str, dict[int, Record]]:
    """Return the records by method, in the order of tables, or by another setting, and by seed."""
    found: dict[str, dict[int, Record]] = {}
    for record in records:
        settings = record["settings"]
        found.setdefault(settings[key], {})[settings["seed"]] = record
    return {name: found[name] for name in in_order(found)} if key == "method" else found


def paired_table(
    records: Iterable[Record],
    control: Any,
    columns: Mapping[str, Column],
    *,
    key: str = "method",
    labels: Mapping[str, str] | None = None,
    more: Sequence[Sequence[str]] = (),
) -> str:
    """Return a table as Markdown.

    Parameters
    ----------
    records : iterable of dict
        The runs, whose settings have the `key` and a ``seed``.
    control : str, or a value of the `key`
        The method that the others are compared with.
    columns : dict of callable
        By heading; of the runs of a method and of the control, by seed: the cell. Those of the
        control itself get no control.
    key : str, default="method"
        The setting that has a row for each of its values.
    labels : dict or None, default=None
        What some methods are called in this table.
    more : sequence, default=()
        Rows below the others.

    Returns
    -------
    text : str
        The table.
    """
    methods = grouped(records, key)
    rows = [row_of(name, methods, control, columns, labels) for name in methods]
    return tabulate([*rows, *more], ["", *columns], tablefmt="github", disable_numparse=True)


def row_of(
    name: str,
    methods: Mapping[str, BySeed],
    control: Any,
    columns: Mapping[str, Column],
    labels: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the cells of a method, its label first."""
    compared = {} if name == control else methods.get(control, {})
    usual = METHODS[name].label if name in METHODS else name
    label = (labels or {}).get(name, usual)
    return [label, *(column(methods[name], compared) for column in columns.values())]


def of(key: str, form: str) -> Column:
    """Return a column of medians."""
    return lambda runs, control: format(median(values(runs, key)), form)


def error(runs: BySeed, control: BySeed) -> str:
    """Return mean and standard deviation of the test error."""
    return spread(values(runs, "error"))


def less_control(runs: BySeed, control: BySeed) -> str:
    """Return the mean difference of errors within a seed, with its standard error."""
    return difference(runs, control, "error")


def difference(runs: BySeed, control: BySeed, key: str) -> str:
    """Return the mean difference of a number within a seed, with its standard error."""
    pairs = [(run, control[seed]) for seed, run in runs.items() if seed in control]
    found = [run[key] - other[key] for run, other in pairs if key in run]
    if not found:
        return ""
    half = f" ± {stdev(found) / len(found) ** 0.5:.4f}" if len(found) > 1 else ""
    return f"{mean(found):+.4f}{half}"


def speedup(runs: BySeed, control: BySeed) -> str:
    """Return the median over seeds of the control's seconds in units of the method's."""
    return ratio(runs, control, lambda run, other: other["seconds"] / run["seconds"])


def ideal(runs: BySeed, control: BySeed) -> str:
    """Return the median over seeds of the ratio of the rows visited."""
    return ratio(runs, control, lambda run, other: ideal_of(run, other))


def ideal_of(run: Record, other: Record) -> float:
    """Return the rows that another run visited, in units of those of a run."""
    mine, others = visits_of(run), visits_of(other)
    return others / mine if mine and others else float("nan")


def ratio(
    runs: BySeed, control: BySeed, of_pair: Callable[[Record, Record], float], form: str = ".2f"
) -> str:
    """Return the median over seeds of a number of a run and of the control's."""
    found = [of_pair(runs[seed], control[seed]) for seed in sorted(set(runs) & set(control))]
    return format(median(found), form) if found else ""


def visited(runs: BySeed, control: BySeed) -> str:
    """Return the mean of the rows visited, in units of the number of rows."""
    found = [visits for run in runs.values() if (visits := visits_of(run)) is not None]
    return f"{mean(found):.1f} n" if found else ""


def count(runs: BySeed, control: BySeed) -> str:
    """Return the number of seeds."""
    return str(len(runs))


def visits_of(run: Record) -> float | None:
    """Return the row visits of a run, in units of the rows of its first epoch, which are all."""
    if "visits" in run:
        return run["visits"]
    return float(sum(run["n_active"]) / run["n_active"][0])


def values(runs: BySeed, key: str) -> list[float]:
    """Return a number of each run."""
    return [run[key] for run in runs.values()]


def spread(numbers: Sequence[float]) -> str:
    """Return mean and standard deviation, the latter if there is one."""
    text = f"{mean(numbers):.4f}"
    return f"{text} ± {stdev(numbers):.4f}" if len(numbers) > 1 else text
