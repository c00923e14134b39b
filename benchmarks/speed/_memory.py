"""The peak of a fit above the data, each measured in a fresh process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from .._methods import METHODS
from .._nets import Length
from .._peak import seconds_and_growth
from .._runs import make_missing, seconds
from .._store import Record, RunStore
from ..data import load_or_generate
from ._settings import TIMED


def measure(store: RunStore, nets: list[str], repeats: int, data_home: Path | None) -> None:
    """Make the measurements of perceptrons that are not on disk yet; once, whatever `repeats`."""
    fitted = [name for name in nets if not (TIMED[name].is_cnn or TIMED[name].batches_only)]
    wanted: list[Record] = [{"net": name} for name in fitted]
    make_missing(store, wanted, partial(run, data_home), title="memory")


def run(data_home: Path | None, settings: Record) -> Record:
    """Return the bytes of the data, and by how much the peak grew in a fit."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(growth, settings["net"], data_home).result()


def growth(name: str, data_home: Path | None) -> Record:
    """Return the same, measured in this process."""
    timed = TIMED[name]
    data = load_or_generate(timed.dataset, data_home)
    data = data._replace(X=np.ascontiguousarray(data.X, dtype=np.float32))
    make = partial(METHODS["sdlr_eq9"].make, timed.net, data, Length(epochs=3), 0)
    seconds(make().fit, data.X[:1000], data.y[:1000])  # what torch takes once is not the fit's
    _, grown = seconds_and_growth(make().fit, data.X, data.y)
    return {"data_bytes": data.X.nbytes + data.y.nbytes, "bytes_above_data": grown}


def tables(store: RunStore, nets: list[str]) -> Iterator[str]:
    """Yield a line for each net."""
    for record in store:
        if record["settings"]["net"] in nets:
            share = record["bytes_above_data"] / record["data_bytes"]
            yield f"{record['settings']['net']}: peak above the data {share:.3f} times the data"
