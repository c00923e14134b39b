"""Tables II to V, measured figures beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, median

from .._methods import METHODS
from .._paired import (
    BySeed,
    Column,
    error,
    grouped,
    ideal,
    of,
    paired_table,
    speedup,
    visited,
)
from .._store import Record
from ._experiments import EXPERIMENTS, PUBLISHED
from ._paper import REPORTED

CONTROL = "all_rows"
# What these tables call some of the methods.
LABELS = {"default": "default, equal epochs"}


def improvement(runs: BySeed, control: BySeed) -> str:
    """Return by what share of the control's mean error a method's is lower, on the same seeds."""
    both = sorted(set(runs) & set(control))
    of_control = mean(control[seed]["error"] for seed in both) if both else 0.0
    if not of_control:
        return ""
    less = of_control - mean(runs[seed]["error"] for seed in both)
    return f"{less / of_control:.1%}"


COLUMNS: dict[str, Column] = {
    "test error": error,
    "IMP": improvement,
    "seconds": of("seconds", ".3g"),
    "speed-up": speedup,
    "ideal": ideal,
    "rows visited": visited,
}


def table(name: str, records: Sequence[Record]) -> str:
    """Return the table of an experiment as Markdown.

    Parameters
    ----------
    name : str
        Name of the experiment.
    records : sequence of dict
        Its runs, all with the same number of epochs.

    Returns
    -------
    text : str
        A heading, a row for each method, those of the paper below, and notes.
    """
    printed = paired_table(records, CONTROL, COLUMNS, labels=LABELS, more=rows_of_paper(name))
    return "\n\n".join([f"**{EXPERIMENTS[name].title}**", printed, notes(name, records)])


def rows_of_paper(name: str) -> list[list[str]]:
    """Return what the paper reports, as rows of the same table."""
    paper = REPORTED[name]
    times = f"{paper.seconds:.0f}", f"{paper.shrinking_seconds:.0f}"
    gain = f"{paper.improvement:.1%}"
    return [
        ["the paper, all rows", f"{paper.error:.4f}", "", times[0], "", "", ""],
        [
            *("the paper, sDLr", f"{paper.shrinking_error:.4f}", gain, times[1]),
            *(f"{paper.speedup:.2f}", "", ""),
        ],
    ]


def notes(name: str, records: Sequence[Record]) -> str:
    """Return what has to be known of the runs."""
    methods, settings = grouped(records), records[0]["settings"]
    text = kind_of_runs(settings, EXPERIMENTS[name].epochs, len(methods[CONTROL]))
    text += ended_on_a_part(methods)
    pretraining = [run["pretraining_seconds"] for run in records]
    if any(pretraining):
        text += (
            f" Pretraining, the same for all, took {median(pretraining):.3g} s more, and is not "
            "in the seconds."
        )
    if name == "splicing" and "file" in settings:
        text += f" The set is {Path(settings['file']).name}."
    elif name == "splicing":
        text += " The set is a stand-in for the paper's Alternative Splicing, with other features."
    return text


def kind_of_runs(settings: Record, epochs_of_paper: int, seeds: int) -> str:
    """Return how long and how the nets were trained, and how often."""
    epochs = f"{settings['epochs']} epochs"
    if settings["epochs"] != epochs_of_paper:
        epochs += f", **not the paper's {epochs_of_paper}**"
    rate = f"{settings['lr_schedule']} learning rate"
    if "lr" in settings:
        rate += f" from {settings['lr']:g}"
    parts = [epochs, f"{seeds} seed" + "s" * (seeds > 1), rate]
    if settings["dtype"] != "float32":
        parts.append(f"in {settings['dtype']}")
    return ", ".join(parts) + "."


def ended_on_a_part(methods: Mapping[str, BySeed]) -> str:
    """Return which methods ended in mid-cycle, if any did.

    The last epoch of those that are not as published may be cut short by a budget.
    """
    found = [
        METHODS[name].label
        for name, runs in methods.items()
        if name in PUBLISHED
        and any(run["n_active"][-1] < run["n_active"][0] for run in runs.values())
    ]
    return f" Ended on a part of the rows: {', '.join(found)}." if found else ""
