"""Which policy does good, and which does harm: error at equal row visits, paired by seed.

Runs of a seed begin with the same weights and may visit the same number of rows, except "twice",
which is ordinary training with twice as many. `--split validation` measures on a fifth of the
training rows, held out: for everything that is still to be decided.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import groupby, product
from pathlib import Path
from statistics import mean

from joblib import Parallel, delayed

from .._command import (
    OUT,
    add_data,
    check_among,
    check_data,
    check_dataset,
    data_or_exit,
    positive_float,
    positive_int,
    several,
)
from .._methods import followed
from .._paired import BySeed, Column, count, error, less_control, paired_table, ratio, visited
from .._store import Record, RunStore
from ..data import SETS
from ._runs import ALLOWED, OPTIMIZERS, RATES, VISITS, data_of, run_group

COMPARED = ("dataset", "net", "optimizer", "lr", "visits", "batch_size", "split")
BY_DEFAULT = ["all_rows", "default", "sdlr_full_at_end", "random_as_default", "twice"]


def tables(records: Sequence[Record]) -> Iterator[str]:
    """Yield a heading and a table for each comparison."""
    for case, group in groupby(sorted(records, key=_comparison), _comparison):
        yield f"**{', '.join(case)}**\n\n" + paired_table(group, "all_rows", COLUMNS)


def epochs(runs: BySeed, control: BySeed) -> str:
    """Return the mean number of epochs."""
    return f"{mean(len(run['n_active']) for run in runs.values()):.1f}"


def cost(runs: BySeed, control: BySeed) -> str:
    """Return the median of seconds a visit, in units of the control's of the seed."""
    return ratio(
        runs,
        control,
        lambda run, other: run["seconds"] / run["visits"] / (other["seconds"] / other["visits"]),
        ".3f",
    )


COLUMNS: dict[str, Column] = {
    "test error": error,
    "less all rows'": less_control,
    "rows visited": visited,
    "epochs": epochs,
    "seconds a visit": cost,
    "seeds": count,
}


def _comparison(record: Record) -> tuple[str, ...]:
    return tuple(str(record["settings"][name]) for name in COMPARED)


def groups_of(arguments: argparse.Namespace) -> list[list[Record]]:
    """Return the settings asked for, those of one seed and one comparison together."""
    groups = []
    for dataset, net, optimizer, seed in product(
        arguments.datasets, arguments.nets, arguments.optimizers, range(arguments.seeds)
    ):
        visits = arguments.visits or VISITS.get(dataset, 15.0)
        for lr in arguments.rates or RATES[optimizer]:
            case = dataset, net, optimizer, lr, visits, arguments.batch_size, arguments.split
            same = dict(zip(COMPARED, case, strict=True)) | {"seed": seed}
            groups.append([same | {"method": method} for method in arguments.methods])
    return groups


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.policy_study", description=__doc__)
    parser.add_argument("--datasets", type=several, required=True, help="or files *.npz")
    add_data(parser)
    parser.add_argument(
        "--nets", type=several, default=["shallow"], help="shallow[-SIZE], deep, cnn-PRESET[-DTYPE]"
    )
    parser.add_argument("--methods", type=several, default=BY_DEFAULT)
    parser.add_argument("--optimizers", type=several, default=["sgd"])
    parser.add_argument("--rates", type=lambda text: [positive_float(r) for r in several(text)])
    parser.add_argument("--visits", type=positive_float)
    parser.add_argument("--seeds", type=positive_int, default=3)
    parser.add_argument(
        "--batch-size", type=lambda text: text if text == "auto" else int(text), default=100
    )
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--jobs", type=positive_int, default=1)
    parser.add_argument("--out", type=Path, default=OUT / "policy_study.json")
    arguments = parser.parse_args(argv)
    check_data(parser, arguments.data)
    for name in arguments.datasets:
        check_dataset(parser, "--datasets", name, SETS)
    check_among(parser, "--methods", arguments.methods, ALLOWED)
    check_among(parser, "--optimizers", arguments.optimizers, OPTIMIZERS)
    if {followed(name) for name in arguments.methods} - {None, *arguments.methods}:
        parser.error("--methods must have default beside those that follow it. Got none instead.")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = parse(argv)
    store = RunStore(arguments.out)
    # Some need others beside them, so a comparison is made again as a whole.
    missing = [group for group in groups_of(arguments) if store.missing(group)]
    with data_or_exit():
        for group in missing:
            data_of(group[0]["dataset"], group[0]["split"], arguments.data)
    parallel = Parallel(arguments.jobs, return_as="generator_unordered")
    for made in parallel(delayed(run_group)(group, arguments.data) for group in missing):
        for settings, result in made:
            if store.find(settings) is None:
                store.add(settings, result)
    print("\n\n".join(tables(store.records)))


if __name__ == "__main__":
    main()
