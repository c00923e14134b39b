"""The table of a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import mean, median, stdev

from tabulate import tabulate

from ..experiments._store import Record
from ._contestants import ALLOWED, label_of

COLUMNS = ["", "test error", "less the control's", "seconds", "rows visited", "seeds"]
CONTROL = "fewer"


def runs_of(
    records: Iterable[Record], dataset: str, visits: Sequence[float], lr: float
) -> list[Record]:
    """Return the runs on a set with one of these budgets, at this rate if it is theirs to have."""
    return [
        record
        for record in records
        if record["settings"]["dataset"] == dataset
        and record["settings"]["visits"] in visits
        and record["settings"].get("lr", lr) == lr
    ]


def tables(records: Iterable[Record]) -> Iterator[str]:
    """Yield a heading and a table for each budget, the largest first."""
    records = list(records)
    for visits in sorted({record["settings"]["visits"] for record in records}, reverse=True):
        of_budget = [record for record in records if record["settings"]["visits"] == visits]
        rates = {record["settings"].get("lr") for record in of_budget} - {None}
        rate = "".join(f", learning rate {lr:g}" for lr in rates)
        yield f"**{visits:g} visits of each row{rate}**\n\n{table(of_budget)}"


def grouped(records: Iterable[Record]) -> dict[str, dict[int, Record]]:
    """Return the records by contestant, in the order of tables, and by seed."""
    found: dict[str, dict[int, Record]] = {}
    for record in records:
        settings = record["settings"]
        found.setdefault(settings["contestant"], {})[settings["seed"]] = record
    return {name: found[name] for name in ALLOWED if name in found}


def table(records: Iterable[Record]) -> str:
    """Return the table as Markdown: means and standard deviations over seeds.

    "Less the control's" is the mean difference to "all rows" with as many visits, in pairs of
    seeds, with its standard error.
    """
    contestants = grouped(records)
    control = contestants.get(CONTROL, {})
    has_auc = any("auc" in run for runs in contestants.values() for run in runs.values())
    rows = []
    for name, runs in contestants.items():
        errors = [run["error"] for run in runs.values()]
        pairs = [runs[seed]["error"] - control[seed]["error"] for seed in runs if seed in control]
        made = [run["visits"] for run in runs.values() if run["visits"] is not None]
        row = [
            label_of(name),
            spread(errors),
            "" if name == CONTROL or not pairs else difference(pairs),
            f"{median(run['seconds'] for run in runs.values()):.3g}",
            f"{mean(made):.1f} n" if made else "",
            str(len(runs)),
        ]
        if has_auc:
            row.insert(3, f"{mean(run['auc'] for run in runs.values()):.4f}")
        rows.append(row)
    columns = [*COLUMNS[:3], "AUC", *COLUMNS[3:]] if has_auc else COLUMNS
    return tabulate(rows, columns, tablefmt="github", disable_numparse=True)


def spread(values: list[float]) -> str:
    """Return mean and standard deviation."""
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


def difference(values: list[float]) -> str:
    """Return mean and standard error, with the sign."""
    error = f" ± {stdev(values) / len(values) ** 0.5:.4f}" if len(values) > 1 else ""
    return f"{mean(values):+.4f}{error}"
