"""Runs: a method on a net and a set, once, its time and its error."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_squared_error, zero_one_loss
from tqdm import tqdm

from ._methods import METHODS, Sizes, followed
from ._nets import Length, Net
from ._store import Record, RunStore
from .data import Split


def seconds(action: Callable[..., object], *arguments: object) -> float:
    """Return how long the call takes; that it stops short of convergence is its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        began = perf_counter()
        action(*arguments)
        return perf_counter() - began


def train(
    name: str,
    net: Net,
    data: Split,
    length: Length,
    seed: int,
    *,
    sizes: Sizes = (),
    **params: Any,
) -> tuple[Any, Record]:
    """Train by a method once.

    Parameters
    ----------
    name : str
        A key of `METHODS`.
    net : Net
        What is trained.
    data : Split
        The rows.
    length : Length
        Of the run.
    seed : int
        Of the initial weights and all else.
    sizes : tuple of int, default=()
        Of the active sets of the run that the method follows.
    **params : dict
        More parameters of our estimators.

    Returns
    -------
    estimator : estimator
        Fitted.
    record : dict
        ``seconds`` of the fit and ``visits`` that were made, None where rows are not visited.
    """
    method = METHODS[name]
    with torch.random.fork_rng(devices=[]):  # stock skorch draws from torch's own generator
        torch.manual_seed(seed)
        estimator = method.make(net, data, length, seed, sizes, **params)
        took = seconds(estimator.fit, data.X, method.targets(data))
    return estimator, {"seconds": took, "visits": method.visits(estimator, data, length)}


def warm_up(net: Net, data: Split) -> None:
    """Do what torch does once only, on a few of the rows."""
    some = slice(None, None, max(1, len(data.y) // 500))
    net.make(data, Length(epochs=1)).fit(data.X[some], data.y[some])


def make_missing(
    store: RunStore,
    wanted: list[Record],
    run: Callable[[Record], Record],
    *,
    before: Callable[[], object] = lambda: None,
    title: str = "",
) -> None:
    """Make the runs that are not on disk yet, one after the other.

    Parameters
    ----------
    store : RunStore
        Where they are and go.
    wanted : list of dict
        Settings.
    run : callable
        Of settings: the result.
    before : callable, optional
        Called once if there is anything to make.
    title : str, default=""
        Of the progress bar.
    """
    missing = store.missing(wanted)
    if not missing:
        return
    before()
    with tqdm(missing, total=len(wanted), initial=len(wanted) - len(missing), desc=title) as bar:
        for settings in bar:
            bar.set_postfix_str(", ".join(map(str, settings.values())))
            store.add(settings, run(settings))


def sizes_followed(store: RunStore, settings: Record) -> Sizes:
    """Return the sizes of the active sets of the run that a run is to follow, if it does.

    Raises
    ------
    ValueError
        If that run is not in the store.
    """
    name = followed(settings["method"])
    if name is None:
        return ()
    record = store.find(settings | {"method": name})
    if record is None:
        raise ValueError(
            f"{store.path} must have the run of {name} that {settings['method']} follows. "
            f"Got none with seed {settings['seed']} instead."
        )
    return tuple(record["n_active"])


def sizes_of(estimator: Any) -> list[int]:
    """Return the sizes of the active sets of a fit."""
    return [row["n_active"] for row in estimator.history_]


def error_of(estimator: Any, data: Split) -> float:
    """Return the error on the test rows.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier or regressor.
    data : Split
        The rows.

    Returns
    -------
    error : float
        Of classes the share that is wrong; of numbers the mean over the rows of the squared norm of
        the difference (section V.D of the sDLr paper).
    """
    predicted = estimator.predict(data.X_test)
    if is_classifier(estimator):
        return float(zero_one_loss(data.y_test, predicted))
    n_targets = np.atleast_2d(data.y_test.T).shape[0]
    return float(mean_squared_error(data.y_test, predicted)) * n_targets
