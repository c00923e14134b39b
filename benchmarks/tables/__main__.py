"""Compare this package with others on raw tables: quality, seconds and memory.

Each run is a process of its own with a limit of seconds; what is not done by then, or not
installed, is a result, too. Rivals are an optional extra: ``pip install -e '.[rivals]'``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .._command import (
    OUT,
    add_data,
    check_among,
    check_data,
    data_or_exit,
    positive_float,
    positive_int,
    several,
)
from .._store import Record, RunStore
from ..data import FRAMES, TASKS
from ._methods import TABLE_METHODS
from ._page import page
from ._picture import save_picture
from ._runs import load_table, run_missing, settings_of

SETS = FRAMES[:-1]
QUICK_SHARE = 0.1


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser("python -m benchmarks.tables", description=__doc__)
    add_data(parser)
    parser.add_argument("--sets", type=several, help=f"of {', '.join(FRAMES)}")
    parser.add_argument("--file", type=Path, help="a table of your own: CSV or parquet")
    parser.add_argument("--target", help="the column of the file to predict")
    parser.add_argument("--task", choices=TASKS, default="auto", help="of the file")
    names = f"of {', '.join(TABLE_METHODS)}"
    parser.add_argument("--methods", type=several, default=list(TABLE_METHODS), help=names)
    parser.add_argument("--control", default="lightgbm", help="whom the others are compared with")
    parser.add_argument("--seeds", type=positive_int, default=3)
    parser.add_argument("--limit", type=positive_float, default=600.0, help="seconds of a fit")
    parser.add_argument("--threads", type=positive_int, default=2, help="of all libraries")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, and one seed")
    parser.add_argument("--out", type=Path, default=OUT / "tables")
    arguments = parser.parse_args(argv)
    check(parser, arguments)
    return arguments


def check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """End the command, with its usage, if it cannot do what it is asked."""
    check_data(parser, arguments.data)
    check_among(parser, "--methods", arguments.methods, TABLE_METHODS)
    check_among(parser, "--control", [arguments.control], TABLE_METHODS)
    check_among(parser, "--sets", arguments.sets or [], FRAMES)
    if (arguments.file is None) != (arguments.target is None):
        parser.error("--file and --target must be given together.")


def tables_of(arguments: argparse.Namespace) -> list[Record]:
    """Return the settings that say which table is meant: the file, sets, or both."""
    names = arguments.sets or ([] if arguments.file else SETS)
    tables: list[Record] = [{"dataset": name} for name in names]
    if arguments.file:
        named = {"dataset": str(arguments.file.resolve()), "target": arguments.target}
        tables.append(named | {"task": arguments.task})
    return tables


def main(argv: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    arguments = parse(argv)
    share, seeds = (QUICK_SHARE, 1) if arguments.quick else (1.0, arguments.seeds)
    name = arguments.file.name.partition(".")[0] if arguments.file else "tables"
    name += "_quick" if arguments.quick else ""
    store = RunStore(arguments.out / f"{name}.json")
    reasons = {method: TABLE_METHODS[method].lacks() for method in arguments.methods}
    lacking = {method: why for method, why in reasons.items() if why}
    for method, why in lacking.items():
        print(f"{TABLE_METHODS[method].label} is left out: {why}.")
    methods = [method for method in arguments.methods if method not in lacking]
    wanted: list[Record] = []
    for table in tables_of(arguments):
        of_table = settings_of(table, methods, seeds, share, arguments.threads)
        with data_or_exit():  # what is wrong with the data is said before any work
            load_table(table, arguments.data)
        run_missing(store, of_table, arguments.data, arguments.limit)
        wanted += of_table
    write(store, wanted, arguments, lacking)


def write(
    store: RunStore, wanted: list[Record], arguments: argparse.Namespace, lacking: dict[str, str]
) -> None:
    """Write the page and the picture of the runs that were asked for."""
    records = [record for record in store if record["settings"] in wanted]
    if not records:
        return
    picture, options = store.path.with_suffix(".png"), "--quick" if arguments.quick else ""
    save_picture(records, picture)
    text = page(records, arguments.control, lacking=lacking, picture=picture.name, options=options)
    store.path.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
