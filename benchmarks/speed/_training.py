"""Seconds of the same training by this package, stock skorch and scikit-learn.

Same net, optimiser, batch size and number of epochs for all, in turn. Printed are medians of the
repeats, and of ratios within a repeat.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from .._nets import Length
from .._paired import (
    BySeed,
    Column,
    grouped,
    ideal,
    ideal_of,
    of,
    paired_table,
    ratio,
    speedup,
)
from .._runs import make_missing, train, warm_up
from .._store import Record, RunStore
from ..data import Split, load_or_generate
from ._engine import dtypes
from ._settings import TIMED, Timed


def measure(store: RunStore, nets: list[str], repeats: int, data_home: Path | None) -> None:
    """Make the runs that are not on disk yet."""
    for name in nets:
        timed = TIMED[name]
        wanted = (
            []
            if timed.batches_only
            else [
                {
                    "net": name,
                    "method": method,
                    "dtype": dtype,
                    "epochs": timed.epochs,
                    "seed": repeat,
                }
                for repeat in range(repeats)
                for method, dtype in contenders(timed)
            ]
        )
        if store.missing(wanted):
            data = load_or_generate(timed.dataset, data_home)
            before = partial(warm_up, timed.net, data)
            make_missing(store, wanted, partial(run, timed, data), before=before, title=name)


def contenders(timed: Timed) -> Iterator[tuple[str, str]]:
    """Yield methods and what they compute in."""
    if timed.is_cnn:
        yield from ((method, dtype) for dtype in dtypes() for method in ("all_rows", "sdlr"))
    else:
        methods = ("all_rows", "sdlr", "sdlr_eq9", "sklearn_mlp_sgd")
        yield from ((method, "float32") for method in methods)
    yield "skorch", "float32"


def run(timed: Timed, data: Split, settings: Record) -> Record:
    """Return seconds and row visits of a run; the latter for the ideal speed-up."""
    gc.collect()  # what one has left behind is not the next one's
    short = timed.skorch_epochs if settings["method"] == "skorch" else None
    net, length = timed.net.with_dtype(settings["dtype"]), Length(short or timed.epochs)
    _, record = train(settings["method"], net, data, length, settings["seed"])
    if short is not None:
        record = {key: value * timed.epochs / short for key, value in record.items()}
        record["scaled_from_epochs"] = short
    return record


def tables(store: RunStore, nets: list[str]) -> Iterator[str]:
    """Yield a table for each net and type; stock skorch is in each."""
    for name in nets:
        runs = [record for record in store if record["settings"]["net"] == name]
        for dtype in dict.fromkeys(record["settings"]["dtype"] for record in runs):
            some = [r for r in runs if r["settings"]["dtype"] == dtype or is_skorch(r)]
            yield f"**{name}, {dtype}**\n\n{paired_table(some, 'all_rows', columns(some))}"


def is_skorch(record: Record) -> bool:
    """Return whether it is a run of stock skorch."""
    return record["settings"]["method"] == "skorch"


def columns(records: list[Record]) -> dict[str, Column]:
    """Return the columns; the last of them compare with what others have made."""
    found = grouped(records)
    made = {"seconds": of("seconds", ".3g"), "speed-up": speedup, "ideal": ideal}
    made["cost of the choice"] = overhead
    for method, label in (("skorch", "stock skorch"), ("sklearn_mlp_sgd", "MLPClassifier")):
        if method in found:
            made[f"times {label}"] = against(found[method])
    return made


def overhead(runs: BySeed, control: BySeed) -> str:
    """Return the median of a run's seconds, in units of what leaving rows out would make of it."""
    return ratio(
        runs,
        control,
        lambda run, other: run["seconds"] * ideal_of(run, other) / other["seconds"],
    )


def against(others: BySeed) -> Column:
    """Return a column of how many times as long others take."""
    return lambda runs, control: speedup(runs, others)
