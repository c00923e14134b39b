"""The runs of a comparison, at equal row visits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from sklearn.metrics import roc_auc_score

from .._baselines import BASELINES
from .._command import data_or_exit
from .._methods import ALONE
from .._nets import Length, Net
from .._runs import error_of, make_missing, train, warm_up
from .._store import Record, RunStore
from ..data import Split, load

# What takes no notice of a budget of visits has no place here.
ALLOWED = tuple(name for name in ALONE if name != "default_visits") + tuple(BASELINES)
BY_DEFAULT = (
    *("twice", "all_rows", "random_rows", "sdlr_eq9", "default", "infobatch"),
    *("selective_backprop", "skorch", "sklearn_mlp", "hist_gradient_boosting"),
)
# What is trained for one budget only: a longer run, and trees, which have none.
ONCE = ("twice", "hist_gradient_boosting")


def has_own_rate(name: str) -> bool:
    """Return whether a method has an optimiser of its own, whatever the net's learning rate is."""
    return name in BASELINES and BASELINES[name].own_rate


def settings_of(
    dataset: str, methods: Sequence[str], seeds: int, visits: Sequence[float], lr: float
) -> list[Record]:
    """Return the settings of all runs; seeds are outermost, so that each is soon complete."""
    return [
        {"dataset": dataset, "method": name, "seed": seed, "visits": budget}
        | ({} if has_own_rate(name) else {"lr": lr})
        for seed in range(seeds)
        for budget in visits
        for name in methods
        if budget == visits[-1] or name not in ONCE
    ]


def run_missing(store: RunStore, wanted: list[Record], net: Net, data_home: Path | None) -> None:
    """Make the runs that are not on disk yet, the methods of a seed one after the other."""
    if not store.missing(wanted):
        return
    dataset = wanted[0]["dataset"]
    with data_or_exit():
        data = load(dataset, data_home)
    make_missing(
        store,
        wanted,
        lambda settings: run(settings, net, data),
        before=lambda: warm_up(net, data),
        title=dataset,
    )


def run(settings: Record, net: Net, data: Split) -> Record:
    """Train by a method once.

    Parameters
    ----------
    settings : dict
        ``method``, ``visits`` and ``seed`` of the run.
    net : Net
        What is trained.
    data : Split
        The rows.

    Returns
    -------
    record : dict
        ``error`` and, of two classes, ``auc`` on the test rows; ``seconds`` of the fit; and
        ``visits`` that were made, None where rows are not visited.
    """
    length = Length(visits=settings["visits"])
    estimator, record = train(settings["method"], net, data, length, settings["seed"])
    found = {"error": error_of(estimator, data)}
    if data.is_classification and len(set(data.y.tolist())) == 2:
        p = estimator.predict_proba(data.X_test)[:, 1]
        found["auc"] = float(roc_auc_score(data.y_test, p))
    return found | record


def runs_of(
    records: Iterable[Record], dataset: str, visits: Sequence[float], lr: float
) -> list[Record]:
    """Return the runs on a set with one of these budgets, at this rate if it is theirs to have."""
    return [
        record
        for record in records
        if record["settings"]["dataset"] == dataset
        and record["settings"]["visits"] in visits
        and record["settings"].get("lr", lr) == lr
    ]
