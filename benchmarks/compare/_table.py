"""The tables of a comparison, one a budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import mean

from .._paired import (
    BySeed,
    Column,
    count,
    error,
    less_control,
    of,
    paired_table,
    values,
    visited,
)
from .._store import Record

CONTROL = "all_rows"
# What these tables call some of the methods.
LABELS = {"all_rows": "control: all rows", "sdlr_eq9": "sDLr as published"}


def tables(records: Iterable[Record]) -> Iterator[str]:
    """Yield a heading and a table for each budget, the largest first."""
    records = list(records)
    for visits in sorted({record["settings"]["visits"] for record in records}, reverse=True):
        of_budget = [record for record in records if record["settings"]["visits"] == visits]
        rates = {record["settings"].get("lr") for record in of_budget} - {None}
        rate = "".join(f", learning rate {lr:g}" for lr in rates)
        yield f"**{visits:g} visits of each row{rate}**\n\n{table(of_budget)}"


def table(records: list[Record]) -> str:
    """Return the table as Markdown: means and standard deviations over seeds.

    "Less the control's" is the mean difference to "all rows" with as many visits, in pairs of
    seeds, with its standard error.
    """
    columns: dict[str, Column] = {"test error": error, "less the control's": less_control}
    if any("auc" in record for record in records):
        columns["AUC"] = auc
    columns |= {"seconds": of("seconds", ".3g"), "rows visited": visited, "seeds": count}
    return paired_table(records, CONTROL, columns, labels=LABELS)


def auc(runs: BySeed, control: BySeed) -> str:
    """Return the mean area under the ROC curve."""
    return f"{mean(values(runs, 'auc')):.4f}"
