"""The runs: each a method on a set with a seed, in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .._peak import seconds_and_growth
from .._runs import make_missing, seconds
from .._scores import scores
from .._store import Record, RunStore
from ..data import Split, load_frames
from ._methods import TABLE_METHODS
from ._process import Stages, in_process
from ._task import task_of

N_PREDICTED = 100_000
N_WARM_UP = 1000


def settings_of(
    table: Record, methods: Sequence[str], seeds: int, share: float, n_threads: int
) -> list[Record]:
    """Return the settings of all runs on a table; methods alternate within a seed."""
    return [
        table | {"model": name, "seed": seed, "share": share, "threads": n_threads}
        for seed, name in product(range(seeds), methods)
    ]


def run_missing(
    store: RunStore, wanted: list[Record], data_home: Path | None, limit: float
) -> None:
    """Make the runs that are not on disk, or failed, or were given up after a smaller limit."""
    store.records = [run for run in store if not is_to_repeat(run, limit)]
    title = Path(wanted[0]["dataset"]).name if wanted else ""
    make_missing(store, wanted, partial(run, data_home, limit), title=title)


def is_to_repeat(record: Record, limit: float) -> bool:
    """Return whether a run has to be made again."""
    too_short = record["status"] == "not done" and record["limit"] < limit
    return too_short or record["status"] == "failed"


def run(data_home: Path | None, limit: float, settings: Record) -> Record:
    """Return what a run has found, or why it has not."""
    return in_process(measure, settings, data_home, limit=limit, n_threads=settings["threads"])


def load_table(settings: Record, data_home: Path | None) -> Split:
    """Return the rows that settings are about."""
    options = {name: settings[name] for name in ("target", "task") if name in settings}
    return load_frames(settings["dataset"], data_home, share=settings.get("share", 1.0), **options)


def measure(settings: Record, data_home: Path | None) -> Stages:
    """Make a run in this process.

    Parameters
    ----------
    settings : dict
        Of the run.
    data_home : Path or None
        The data folder.

    Yields
    ------
    record : dict or None
        None before the fit and before predictions; then the scores on the test rows, the seconds
        of the fit and of predicting 100,000 rows, and the bytes by which the peak of the process
        grew in the fit.
    """
    method, seed = TABLE_METHODS[settings["model"]], settings["seed"]
    data = load_table(settings, data_home)
    some = data._replace(X=data.X[:N_WARM_UP], y=data.y[:N_WARM_UP])
    y = method.targets(data.y)
    with torch.random.fork_rng(devices=[]):  # stock skorch draws from torch's own generator
        with suppress(Exception):  # what libraries do once only; so few rows may lack a class
            make(settings, some).fit(some.X, y[:N_WARM_UP])
        torch.manual_seed(seed)
        model = make(settings, data)
        yield None
        took, grown = seconds_and_growth(model.fit, data.X, y)
    yield None
    many = data.X_test.iloc[np.arange(N_PREDICTED) % len(data.y_test)]
    record = {"seconds": took, "predict_seconds": seconds(model.predict, many)}
    record |= scores(model, data.X_test, data.y_test) | {"bytes_above_data": grown}
    yield record | {"version": method.version(), "rows": [len(data.y), len(data.y_test)]}


def make(settings: Record, data: Split) -> Any:
    """Return the method of the settings, for these rows."""
    method = TABLE_METHODS[settings["model"]]
    return method.estimator(task_of(data), settings["seed"], settings["threads"])
