"""Write ``results.md`` from its template and the JSON of the runs.

    python docs/make_results.py

In the template ``${table:NAME}`` is the table of an experiment of ``benchmarks.reproduce``,
``${cell:NAME:METHOD:COLUMN}`` a figure of it, both of the runs with a linear learning rate,
with ``NAME@constant`` of those with a constant one, and with ``NAME@constant@0.1`` of those with a
constant one of 0.1, in place of the experiment's own; ``${comparison:NAME}`` is the table of
``benchmarks.compare``, ``NAME@0.4`` that at another rate; ``${machine}`` is what all of it was
measured on. No figure is typed.
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks._paired import grouped, row_of
from benchmarks._store import Record, RunStore
from benchmarks.compare._runs import runs_of as comparison_runs
from benchmarks.compare._setups import setup_for
from benchmarks.compare._table import tables
from benchmarks.reproduce._tables import COLUMNS, CONTROL, table

DOCS = Path(__file__).parent
RESULTS, TEMPLATE, PAGE = DOCS / "results", DOCS / "results.template.md", DOCS / "results.md"
CELLS = ("label", "error", "improvement", "seconds", "speedup", "ideal", "visits")
PLACE = re.compile(r"\$\{([^}]+)\}")


def page() -> str:
    """Return the page as it has to be."""
    return PLACE.sub(lambda match: value_of(match[1]), TEMPLATE.read_text())


def value_of(place: str) -> str:
    """Return what a place of the template is filled with."""
    match place.split(":"):
        case ["table", name]:
            return table(name.partition("@")[0], runs_of(name))
        case ["cell", name, method, column]:
            row = row_of(method, grouped(runs_of(name)), CONTROL, COLUMNS)
            return row[CELLS.index(column)]
        case ["comparison", name]:
            return comparison(*name.partition("@")[::2])
        case ["machine"]:
            return machine()
    raise ValueError(f"{TEMPLATE} has a place of no known kind: {place!r}.")


def comparison(name: str, rate: str) -> str:
    """Return the tables of a comparison, at the rate of the set or at another."""
    (net, visits), store = setup_for(name), RunStore(RESULTS / "compare" / f"{name}.json")
    lr = float(rate) if rate else net.lr
    return "\n\n".join(tables(comparison_runs(store, name, visits, lr)))


def runs_of(name: str) -> list[Record]:
    """Return the runs of an experiment at full length and with one kind of learning rate."""
    name, *kind = name.split("@")
    schedule, rate = (*kind, *("linear", "")[len(kind) :])
    runs = [
        run
        for run in RunStore(RESULTS / f"{name}.json")
        if run["settings"]["lr_schedule"] == schedule and str(run["settings"].get("lr", "")) == rate
    ]
    most = max(run["settings"]["epochs"] for run in runs)
    return [run for run in runs if run["settings"]["epochs"] == most]


def machine() -> str:
    """Return the processor, its cores and the versions that all runs share."""
    found = {
        (
            f"{run['environment']['cores']} cores of an {run['environment']['processor']}",
            *(f"{k} {v}" for k, v in run["environment"]["versions"].items() if k != "sk_sdlr"),
        )
        for path in sorted(RESULTS.rglob("*.json"))
        for run in RunStore(path)
    }
    if len(found) != 1:
        raise ValueError(f"runs were made on more than one machine: {found}.")
    return ", ".join(found.pop())


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"written: {PAGE}")
