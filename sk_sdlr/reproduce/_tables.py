"""Tables II to V, measured figures beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, stdev

from tabulate import tabulate

from ..experiments._store import Record
from ._experiments import CONTESTANTS, EXPERIMENTS, PUBLISHED
from ._paper import REPORTED

COLUMNS = ("", "test error", "IMP", "seconds", "speed-up", "ideal", "rows visited")
PAPER = {"plain": "the paper, all rows", "sdlr": "the paper, sDLr"}


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
        A heading, a row for each contestant, those of the paper below, and notes.
    """
    by_contestant = group(records)
    rows = [row_of(contestant, by_contestant) for contestant in by_contestant]
    rows += rows_of_paper(name)
    printed = tabulate(rows, COLUMNS, tablefmt="github", disable_numparse=True)
    return "\n\n".join([f"**{EXPERIMENTS[name].title}**", printed, notes(name, by_contestant)])


def group(records: Sequence[Record]) -> dict[str, dict[int, Record]]:
    """Return the records by contestant, in the order of the tables, and by seed."""
    grouped: dict[str, dict[int, Record]] = {}
    for contestant in CONTESTANTS:
        runs = {
            record["settings"]["seed"]: record
            for record in records
            if record["settings"]["contestant"] == contestant
        }
        if runs:
            grouped[contestant] = runs
    return grouped


def row_of(contestant: str, records: dict[str, dict[int, Record]]) -> list[str]:
    """Return the cells of a contestant; ratios are those within a seed."""
    runs, plain = records[contestant], records.get("plain", {})
    errors = [run["error"] for run in runs.values()]
    both = sorted(set(runs) & set(plain))
    cells = [
        CONTESTANTS[contestant].label,
        with_spread(errors),
        "",
        f"{median(run['seconds'] for run in runs.values()):.3g}",
        "",
        "",
        f"{mean(visits(run) for run in runs.values()):.1f} n",
    ]
    if contestant != "plain" and both:
        of_plain = mean(plain[seed]["error"] for seed in both)
        less = of_plain - mean(runs[seed]["error"] for seed in both)
        speedups = [plain[seed]["seconds"] / runs[seed]["seconds"] for seed in both]
        ideals = [visits(plain[seed]) / visits(runs[seed]) for seed in both]
        cells[2] = f"{less / of_plain:.1%}" if of_plain else ""
        cells[4:6] = f"{median(speedups):.2f}", f"{median(ideals):.2f}"
    return cells


def rows_of_paper(name: str) -> list[list[str]]:
    """Return what the paper reports, as rows of the same table."""
    paper = REPORTED[name]
    return [
        [PAPER["plain"], f"{paper.error:.4f}", "", f"{paper.seconds:.0f}", "", "", ""],
        [
            PAPER["sdlr"],
            f"{paper.shrinking_error:.4f}",
            f"{paper.improvement:.1%}",
            f"{paper.shrinking_seconds:.0f}",
            f"{paper.speedup:.2f}",
            "",
            "",
        ],
    ]


def visits(run: Record) -> float:
    """Return the row visits of a run, in units of the rows of its first epoch, which are all."""
    return float(sum(run["n_active"]) / run["n_active"][0])


def with_spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation, the latter if there is one."""
    text = f"{mean(values):.4f}"
    return f"{text} ± {stdev(values):.4f}" if len(values) > 1 else text


def notes(name: str, records: dict[str, dict[int, Record]]) -> str:
    """Return what has to be known of the runs."""
    runs = [run for by_seed in records.values() for run in by_seed.values()]
    settings, of_paper = runs[0]["settings"], EXPERIMENTS[name].epochs
    seeds = len(records["plain"])
    parts = [
        f"{settings['epochs']} epochs"
        + ("" if settings["epochs"] == of_paper else (f", **not the paper's {of_paper}**"))
    ]
    parts.append(f"{seeds} seed" + "s" * (seeds > 1))
    parts.append(f"{settings['lr_schedule']} learning rate")
    if "lr" in settings:
        parts[-1] += f" from {settings['lr']:g}"
    if settings["precision"] != "float32":
        parts.append(f"precision {settings['precision']}")
    text = ", ".join(parts) + "."
    stopped = [
        CONTESTANTS[contestant].label
        for contestant, by_seed in records.items()
        if contestant in PUBLISHED  # the last epoch of the others may be cut short by a budget
        and any(run["n_active"][-1] < run["n_active"][0] for run in by_seed.values())
    ]
    if stopped:
        text += f" Ended on a part of the rows: {', '.join(stopped)}."
    pretraining = [run["pretraining_seconds"] for run in runs]
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
