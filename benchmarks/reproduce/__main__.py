"""Run the paper's experiments, print its tables and draw its figures, beside what it reports."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from .._command import OUT, add_data, check_data, data_or_exit, positive_float, positive_int
from .._methods import STOP_THRESHOLDS
from .._nets import DTYPES
from .._store import Record, RunStore
from ..data import SPLICING_TRAIN, Split, from_file
from ..data import load as load_named
from . import _thresholds
from ._figures import FIGURES, WIDE
from ._runs import LR_SCHEDULES, Options, path_of, run_all
from ._tables import table

TABLES: dict[str, tuple[str, ...]] = {
    "table2": ("mnist_dnn", "mnist_dbn", "mnist_cnn"),
    "table3": ("cifar10_cnn",),
    "table4": ("higgs_7_20_20_2", "higgs_7_50_2"),
    "table5": ("splicing",),
}
# The experiments of a table one by one, as they may have different numbers of seeds.
SINGLE = {name: (name,) for names in TABLES.values() for name in names}
# What a figure shows: an experiment, and which of its methods.
SHOWN: dict[str, tuple[str, tuple[str, ...]]] = {
    "figure2": ("mnist_1000", ("all_rows", "sdl")),
    "figure5": ("mnist_dnn", ("all_rows", "sdl", "sdlr")),
    "figure6": ("mnist_dnn", ("all_rows", "sdl", "sdlr")),
    "figure7": ("mnist_stop_threshold", ("all_rows", *(f"sdlr_t{t}" for t in STOP_THRESHOLDS))),
    "figure9": ("mnist_dbn", ("all_rows", "sdlr")),
    "figure10": ("mnist_cnn", ("all_rows", "sdlr")),
}
TARGETS = (*TABLES, *FIGURES)


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.reproduce", description=__doc__)
    parser.add_argument("target", choices=(*TARGETS, *SINGLE, "all"))
    add_data(parser)
    parser.add_argument("--splicing", type=Path, help="npz with X and Y, in place of the stand-in")
    parser.add_argument("--epochs", type=positive_int, help="in place of the paper's number")
    parser.add_argument("--seeds", type=positive_int, default=5, help="of tables (default: 5)")
    parser.add_argument("--lr", type=positive_float, help="in place of the experiment's rate")
    parser.add_argument("--lr-schedule", choices=LR_SCHEDULES, default="linear")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("--out", type=Path, default=OUT / "reproduce")
    arguments = parser.parse_args(argv)
    check_data(parser, arguments.data)
    if arguments.splicing is not None and not arguments.splicing.is_file():
        parser.error(f"--splicing must be a file that is there. Got {arguments.splicing} instead.")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = parse(argv)
    options = Options(**{field.name: getattr(arguments, field.name) for field in fields(Options)})
    arguments.out.mkdir(parents=True, exist_ok=True)
    load = lru_cache(1)(partial(load_set, data_home=arguments.data, splicing=arguments.splicing))
    for target in TARGETS if arguments.target == "all" else (arguments.target,):
        if target not in FIGURES:
            make_table(target, options, arguments.out, load)
        else:
            make_figure(target, options, arguments.out, load)


def load_set(name: str, *, data_home: Path | None, splicing: Path | None) -> Split:
    """Return a set; in place of the stand-in what the user has."""
    with data_or_exit():
        if name == "splicing" and splicing is not None:
            return from_file(splicing, SPLICING_TRAIN)
        return load_named(name, data_home)


def make_table(target: str, options: Options, out: Path, load: Callable[[str], Split]) -> None:
    """Run the experiments of a table, print it and write it as Markdown."""
    parts = []
    for name in (TABLES | SINGLE)[target]:
        run_all(name, options, out, load)
        parts.append(table(name, runs_of(name, options, out)))
    text = "\n\n".join(parts) + "\n"
    print(text)
    (out / f"{stem(target, options)}.md").write_text(text)


def make_figure(target: str, options: Options, out: Path, load: Callable[[str], Split]) -> None:
    """Run the experiment of a figure, with one seed, and draw it."""
    once = replace(options, seeds=1)
    content: Any
    if target == "figure8":
        content = _thresholds.measure(once, out, load)
    else:
        name, methods = SHOWN[target]
        run_all(name, once, out, load, methods)
        content = runs_of(name, once, out)
    with plt.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = plt.figure(figsize=(9 if target in WIDE else 5, 3.4), layout="constrained")
        FIGURES[target](figure, content)
        if options.epochs is not None:
            figure.suptitle(f"{options.epochs} epochs, not the paper's number")
        path = out / f"{stem(target, options)}.png"
        figure.savefig(path, dpi=150)
        plt.close(figure)
    print(f"written: {path}")


def stem(target: str, options: Options) -> str:
    """Return the name of a target's files; those of unusual options do not take others' place."""
    forms = {"epochs": "{}_epochs", "lr": "lr_{:g}", "lr_schedule": "{}", "dtype": "{}"}
    parts = [
        form.format(getattr(options, name))
        for name, form in forms.items()
        if getattr(options, name) != getattr(Options(), name)
    ]
    if options.splicing is not None and target in ("table5", "splicing"):
        parts.append(options.splicing.stem)
    return "_".join([target, *parts])


def runs_of(name: str, options: Options, out: Path) -> list[Record]:
    """Return the runs with these options."""
    return [
        record
        for record in RunStore(path_of(out, name))
        if record["settings"]
        == options.settings(name, record["settings"]["method"], record["settings"]["seed"])
        and record["settings"]["seed"] < options.seeds
    ]


if __name__ == "__main__":
    main()
