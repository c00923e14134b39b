"""Time this package beside stock skorch and scikit-learn, and its parts beside bare torch.

`training`: seconds of the same training by all. `batches`: microseconds a batch. `memory`: the peak
of a fit above the data. `threads`: from which size of a step on a second thread pays.
`pretraining`: restricted Boltzmann machines. Where a set is not there, generated rows of its shape
take its place.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from .._command import OUT, add_data, check_among, check_data, positive_int, several
from .._store import RunStore
from . import _batches, _memory, _pretraining, _threads, _training
from ._settings import TIMED

BENCHMARKS: dict[str, ModuleType] = {
    "training": _training,
    "batches": _batches,
    "memory": _memory,
    "threads": _threads,
    "pretraining": _pretraining,
}
BY_DEFAULT = ["training", "batches", "memory"]


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.speed", description=__doc__)
    parser.add_argument(
        "benchmarks", nargs="*", help=f"of {', '.join(BENCHMARKS)} (default: the first three)"
    )
    add_data(parser)
    parser.add_argument("--nets", type=several, default=list(TIMED), help=f"of {', '.join(TIMED)}")
    parser.add_argument("--repeats", type=positive_int, default=3)
    parser.add_argument("--out", type=Path, default=OUT / "speed")
    arguments = parser.parse_args(argv)
    arguments.benchmarks = arguments.benchmarks or BY_DEFAULT
    check_data(parser, arguments.data)
    check_among(parser, "the benchmarks", arguments.benchmarks, BENCHMARKS)
    check_among(parser, "--nets", arguments.nets, TIMED)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = parse(argv)
    for name in arguments.benchmarks:
        store = RunStore(arguments.out / f"speed_{name}.json")
        BENCHMARKS[name].measure(store, arguments.nets, arguments.repeats, arguments.data)
        print("\n\n".join(BENCHMARKS[name].tables(store, arguments.nets)) + "\n")


if __name__ == "__main__":
    main()
