"""What weight decay does to the default estimator with AdamW, on held-out training rows.

Each seed holds out another fifth of the training rows; no test row is seen. Runs of a seed have the
same rows and begin with the same weights, so differences to a weight decay of 0 are within a seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from math import inf
from pathlib import Path

from ._command import OUT, add_data, check_among, check_data, data_or_exit, positive_int, several
from ._nets import OWN_LENGTH, Net
from ._paired import BySeed, Column, count, difference, error, less_control, of, paired_table
from ._runs import make_missing, train
from ._scores import scores
from ._store import Record, RunStore
from .data import Split, held_out, load

# Training rows that are used; None: all of them.
SETS: dict[str, int | None] = {
    "magic": None,
    "california_housing": None,
    "letter": None,
    "mnist": 15_000,
    "higgs28": None,
}
DECAYS = [0.0, 0.001, 0.01, 0.03, 0.1, 0.3]


def less_log_loss(runs: BySeed, control: BySeed) -> str:
    """Return the mean difference of log losses within a seed; of numbers there is none."""
    return difference(runs, control, "log_loss")


COLUMNS: dict[str, Column] = {
    "error": error,
    "less decay 0": less_control,
    "log loss less decay 0": less_log_loss,
    "seconds": of("seconds", ".3g"),
    "seeds": count,
}


def run(data: Split, settings: Record) -> Record:
    """Return the scores on the rows held out (of numbers 1 - R2), seconds and row visits."""
    seed = settings["seed"]
    net = Net({"optimizer": "adamw", "weight_decay": settings["decay"]})
    some = held_out(data, seed)
    estimator, record = train("default", net, some, OWN_LENGTH, seed)
    return scores(estimator, some.X_test, some.y_test) | record


def first_rows(name: str, data_home: Path | None) -> Split:
    """Return a set with the training rows that are used."""
    data = load(name, data_home)
    return data._replace(X=data.X[: SETS[name]], y=data.y[: SETS[name]])


def decays(text: str) -> list[float]:
    """Return numbers that are not negative, ascending, and 0 with them."""
    numbers = sorted({0.0, *map(float, several(text))})
    if not 0 <= numbers[0] <= numbers[-1] < inf:
        raise argparse.ArgumentTypeError(f"they must not be negative. Got {text} instead.")
    return numbers


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.weight_decay", description=__doc__)
    add_data(parser)
    parser.add_argument("--sets", type=several, default=list(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--decays", type=decays, default=DECAYS, help="0 is always among them")
    parser.add_argument("--seeds", type=positive_int, default=3)
    parser.add_argument("--out", type=Path, default=OUT / "weight_decay.json")
    arguments = parser.parse_args(argv)
    check_data(parser, arguments.data)
    check_among(parser, "--sets", arguments.sets, SETS)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = parse(argv)
    store = RunStore(arguments.out)
    for name in arguments.sets:
        wanted = [
            {"dataset": name, "decay": decay, "seed": seed}
            for seed in range(arguments.seeds)
            for decay in arguments.decays
        ]
        if store.missing(wanted):
            with data_or_exit():
                data = first_rows(name, arguments.data)
            make_missing(store, wanted, partial(run, data), title=name)
        records = [record for record in store if record["settings"] in wanted]
        print(f"**{name}**\n\n{paired_table(records, 0.0, COLUMNS, key='decay')}\n")


if __name__ == "__main__":
    main()
