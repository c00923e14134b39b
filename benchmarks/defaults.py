"""What comes without tuning: the default classifier, on digits and on HIGGS with 28 features.

Beside it scikit-learn's HistGradientBoostingClassifier and, on digits, MLPClassifier, with their
defaults, and the two controls: the same net on all rows for as many epochs, and for as many row
visits as the default made.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ._command import OUT, add_data, check_among, check_data, data_or_exit, positive_int, several
from ._nets import OWN_LENGTH, Net
from ._paired import (
    Column,
    count,
    error,
    less_control,
    of,
    paired_table,
    visited,
)
from ._runs import error_of, make_missing, sizes_followed, sizes_of, train
from ._store import Record, RunStore
from .data import Split, load

METHODS = ("default", "all_rows", "fewer_as_default", "hist_gradient_boosting")
ON: dict[str, tuple[str, ...]] = {"digits": (*METHODS, "sklearn_mlp"), "higgs28": METHODS}
COLUMNS: dict[str, Column] = {
    "test error": error,
    "less the default's": less_control,
    "seconds": of("seconds", ".3g"),
    "rows visited": visited,
    "seeds": count,
}


def run(data: Split, store: RunStore, settings: Record) -> Record:
    """Return test error, seconds, row visits and, of our nets, the sizes of active sets."""
    sizes = sizes_followed(store, settings)
    name, seed = settings["method"], settings["seed"]
    estimator, record = train(name, Net(), data, OWN_LENGTH, seed, sizes=sizes)
    if hasattr(estimator, "history_"):
        record["n_active"] = sizes_of(estimator)
    return {"error": error_of(estimator, data)} | record


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.defaults", description=__doc__)
    add_data(parser)
    parser.add_argument("--datasets", type=several, default=list(ON))
    parser.add_argument("--seeds", type=positive_int, default=3)
    parser.add_argument("--out", type=Path, default=OUT / "defaults.json")
    arguments = parser.parse_args(argv)
    check_data(parser, arguments.data)
    check_among(parser, "--datasets", arguments.datasets, ON)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = parse(argv)
    store = RunStore(arguments.out)
    for dataset in arguments.datasets:
        wanted = [
            {"dataset": dataset, "method": method, "seed": seed}
            for seed in range(arguments.seeds)
            for method in ON[dataset]
        ]
        if store.missing(wanted):
            with data_or_exit():
                data = load(dataset, arguments.data)
            make_missing(store, wanted, partial(run, data, store), title=dataset)
        records = [record for record in store if record["settings"]["dataset"] == dataset]
        print(f"**{dataset}**\n\n{paired_table(records, 'default', COLUMNS)}\n")


if __name__ == "__main__":
    main()
