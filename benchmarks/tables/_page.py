"""The page: ranks, the picture, and a table a set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

from .._paired import BySeed, Column, count, difference, error, of, paired_table, ratio
from .._store import Record
from ._methods import TABLE_METHODS
from ._ranks import rank_table, title_of
from ._runs import N_PREDICTED

LABELS = {name: method.label for name, method in TABLE_METHODS.items()}
DEFAULTS = tuple(name for name, method in TABLE_METHODS.items() if method.is_default)
INTRODUCTION = """\
Written by `python -m benchmarks.tables`{options}. Each run is a process of its own, with as many
threads for all libraries ({threads}); methods alternate within a seed. The last fifth of the
shuffled rows is the test part, the same for all seeds; {share} of the rows are used. All have their
defaults unless the tables say otherwise. Errors are means over seeds with standard deviations,
differences and ratios are within a seed; seconds and memory are medians. Seconds of a fit include
the encoding of the table; memory is by how much the peak of the process grew in the fit. What was
not done within the limit, or failed, has the last rank.{lacking}

{machine}.
"""


def page(
    records: Sequence[Record],
    control: str,
    *,
    lacking: Mapping[str, str] | None = None,
    picture: str | None = None,
    options: str = "",
) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    records : sequence of dict
        The runs, at least one.
    control : str
        The method that the others are compared with.
    lacking : dict or None, default=None
        Methods that cannot be run here, and why.
    picture : str or None, default=None
        Its file, beside the page.
    options : str, default=""
        What the command was given.

    Returns
    -------
    text : str
        The page.
    """
    return "\n".join(_parts(in_order(records), control, lacking or {}, picture, options))


def _parts(
    records: list[Record],
    control: str,
    lacking: Mapping[str, str],
    picture: str | None,
    options: str,
) -> Iterator[str]:
    settings = records[0]["settings"]
    yield "# Tables\n"
    yield INTRODUCTION.format(
        options=f" with `{options}`" if options else "",
        threads=settings["threads"],
        share=f"{settings['share']:.0%}",
        lacking="".join(f" Left out: {LABELS[name]}, {why}." for name, why in lacking.items()),
        machine=machine(records),
    )
    yield f"## Ranks among the defaults\n\n{rank_table(records, DEFAULTS)}\n"
    yield f"## Ranks among all\n\n{rank_table(records, TABLE_METHODS)}\n"
    if picture:
        yield f"![Test error against seconds of the fit, a panel a set]({picture})\n"
    for name in dict.fromkeys(run["settings"]["dataset"] for run in records):
        on_set = [run for run in records if run["settings"]["dataset"] == name]
        yield f"## {title_of(name)}\n\n{size(on_set)}{table(on_set, control)}\n"


def in_order(records: Sequence[Record]) -> list[Record]:
    """Return the runs in the order of tables."""
    places = {name: i for i, name in enumerate(TABLE_METHODS)}
    return sorted(records, key=lambda run: places[run["settings"]["model"]])


def machine(records: Sequence[Record]) -> str:
    """Return what it was measured on, and with which versions."""
    environment, versions = records[0]["environment"], dict(records[0]["environment"]["versions"])
    for run in records:
        package = TABLE_METHODS[run["settings"]["model"]].package
        if "version" in run and package != "sklearn":
            versions[package] = run["version"]
    shown = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"Measured on {environment['processor']}, {environment['cores']} cores; {shown}"


def size(records: list[Record]) -> str:
    """Return how many rows there are."""
    rows = next((run["rows"] for run in records if "rows" in run), None)
    return f"{rows[0]:,} rows to train on, {rows[1]:,} to test on.\n\n" if rows else ""


def table(records: list[Record], control: str) -> str:
    """Return the table of a set; what was not done is below the others."""
    done = [run for run in in_order(records) if run["status"] == "done"]
    columns = columns_of(done, control)
    reasons = {run["settings"]["model"]: reason(run) for run in records if run["status"] != "done"}
    more = [[LABELS[name], why, *[""] * (len(columns) - 1)] for name, why in reasons.items()]
    return paired_table(done, control, columns, key="model", labels=LABELS, more=more)


def reason(record: Record) -> str:
    """Return why there is no result."""
    if record["status"] == "not done":
        return f"not done in {record['limit']:g} s"
    return f"failed: {record['why']}"


def columns_of(records: list[Record], control: str) -> dict[str, Column]:
    """Return the columns for classes or for numbers."""
    is_numbers = any("rmse" in run for run in records)
    key, loss = ("rmse", "RMSE") if is_numbers else ("log_loss", "log loss")
    name = LABELS[control]
    columns: dict[str, Column] = {
        "1 - R2" if is_numbers else "error": error,
        f"less {name}'s": lambda runs, others: difference(runs, others, "error"),
        f"times {name}'s": times,
    }
    if any("auc" in run for run in records):
        columns["AUC"] = mean_of("auc", ".4f")
    return columns | {
        loss: mean_of(key, ".5g"),
        "seconds": of("seconds", ".3g"),
        f"of predicting {N_PREDICTED:,}": of("predict_seconds", ".3g"),
        "memory, MB": lambda runs, others: of_memory(runs),
        "seeds": count,
    }


def times(runs: BySeed, others: BySeed) -> str:
    """Return the median over seeds of the error in units of the control's."""
    return ratio(runs, others, lambda run, other: run["error"] / other["error"], ".3f")


def mean_of(key: str, form: str) -> Column:
    """Return a column of means, of the runs that have the number."""
    return lambda runs, others: _mean([run[key] for run in runs.values() if key in run], form)


def of_memory(runs: BySeed) -> str:
    """Return the median in megabytes."""
    return of("megabytes", ".0f")(
        {seed: {"megabytes": run["bytes_above_data"] / 1e6} for seed, run in runs.items()}, {}
    )


def _mean(numbers: list[Any], form: str) -> str:
    return format(mean(numbers), form) if numbers else ""
