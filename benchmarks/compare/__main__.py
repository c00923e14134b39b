"""Compare shrinking with its alternatives on one set: error, seconds and rows visited."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from math import inf
from pathlib import Path

from .._command import (
    OUT,
    add_data,
    check_among,
    check_data,
    check_dataset,
    positive_float,
    positive_int,
    several,
)
from .._store import RunStore
from ..data import SETS
from ._picture import save_picture
from ._runs import ALLOWED, BY_DEFAULT, run_missing, runs_of, settings_of
from ._setups import setup_for
from ._table import tables


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--dataset", required=True, help=f"{', '.join(SETS)}, or FILE.npz")
    add_data(parser)
    parser.add_argument(
        "--visits", type=budgets, help="of each row, on average; one or more, as in 6,12"
    )
    parser.add_argument("--lr", type=positive_float, help="of the nets (default: the set's)")
    parser.add_argument("--seeds", type=positive_int, default=3)
    parser.add_argument(
        "--methods",
        type=several,
        default=list(BY_DEFAULT),
        help=f"some of {', '.join(ALLOWED)}",
    )
    parser.add_argument("--out", type=Path, default=OUT / "compare")
    arguments = parser.parse_args(argv)
    check_data(parser, arguments.data)
    check_dataset(parser, "--dataset", arguments.dataset, SETS)
    check_among(parser, "--methods", arguments.methods, ALLOWED)
    return arguments


def budgets(text: str) -> list[float]:
    """Return numbers that are all at least 1, ascending."""
    numbers = sorted({float(part) for part in several(text)})
    if not 1 <= numbers[0] <= numbers[-1] < inf:
        raise argparse.ArgumentTypeError(f"they must be at least 1. Got {text} instead.")
    return numbers


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = parse(argv)
    name, setup = Path(arguments.dataset).stem, setup_for(arguments.dataset)
    store = RunStore(arguments.out / f"{name}.json")
    net, visits = setup.net, arguments.visits or setup.visits
    if arguments.lr is not None:
        net = net.with_params(lr=arguments.lr)
        name += f"_lr_{net.lr:g}"
    wanted = settings_of(arguments.dataset, arguments.methods, arguments.seeds, visits, net.lr)
    run_missing(store, wanted, net, arguments.data)
    records = runs_of(store, arguments.dataset, visits, net.lr)
    text = "\n\n".join(tables(records)) + "\n"
    print(text)
    (arguments.out / f"{name}.md").write_text(text)
    save_picture(records, arguments.out / f"{name}.png", name)


if __name__ == "__main__":
    main()
