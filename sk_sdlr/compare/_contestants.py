"""Who is compared: choices of rows at equal visits, and what a user might take instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from sklearn.metrics import roc_auc_score

from ..experiments._fit import error_of, seconds
from ..experiments._sets import Split
from ..experiments._store import Record
from ..policies import AutoRecall, FullData, Policy, RandomSubset, ShrinkRecall
from ..policies._registry import POLICIES
from ._nets import Net
from ._rivals import RIVALS

# Labels and, beside the policy, what a run has of its own. Runs that leave rows out end on all of
# them, as this package's do; sDLr as published does not.
CHOICES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "all": ("all rows, twice the visits", FullData, {}),
    "fewer": ("control: all rows", FullData, {}),
    "random": ("control: random rows", RandomSubset, {"anneal": 0.1}),
    "sdlr": (
        "sDLr as published",
        lambda: ShrinkRecall(s=0.2, t=0.2, alpha=0.5),
        {"anneal": 0.0},
    ),
    "default": ('this package, t="auto"', AutoRecall, {"anneal": 0.1}),
}
# What is trained for one budget only: a longer run, and trees, which have none.
ONCE = ("all", "hist_gradient_boosting")
# What has an optimiser of its own, or none, whatever the learning rate of the others.
OWN_RATE = ("sklearn_mlp", "hist_gradient_boosting")
BY_DEFAULT = (*CHOICES, "infobatch", "selective_backprop", *RIVALS)
ALLOWED = (*CHOICES, *POLICIES, *RIVALS)


def label_of(name: str) -> str:
    """Return what tables and pictures call a contestant."""
    if name in CHOICES:
        return CHOICES[name][0]
    return RIVALS[name][0] if name in RIVALS else POLICIES[name].__name__


def choice_of(name: str) -> tuple[Policy, dict[str, Any]]:
    """Return the policy of a contestant, and what else is its own."""
    if name in CHOICES:
        _, policy, params = CHOICES[name]
        return policy(), params
    return POLICIES[name](), {"anneal": 0.1}


def run(name: str, net: Net, data: Split, visits: float, seed: int) -> Record:
    """Train a contestant once.

    Parameters
    ----------
    name : str
        One of `ALLOWED`.
    net : Net
        What is trained.
    data : Split
        The rows.
    visits : float
        Row visits, in units of the number of rows.
    seed : int
        Of the initial weights and all else.

    Returns
    -------
    record : dict
        ``error`` and, of two classes, ``auc`` on the test rows; ``seconds`` of the fit; and
        ``visits`` that were made, None where rows are not visited.
    """
    with torch.random.fork_rng(devices=[]):  # stock skorch draws from torch's own generator
        torch.manual_seed(seed)
        estimator, visits_of = contestant(name, net, data, visits, seed)
        took = seconds(estimator.fit, data.X, targets(name, data))
        found = {"error": error_of(estimator, data)} | more(estimator, data)
    return found | {"seconds": took, "visits": visits_of(estimator)}


def contestant(
    name: str, net: Net, data: Split, visits: float, seed: int
) -> tuple[Any, Callable[[Any], float | None]]:
    """Return an estimator, and what tells of it, when it is fitted, how often it visited a row."""
    if name in RIVALS:
        made = None if name == "hist_gradient_boosting" else float(round(visits))
        return RIVALS[name][1](net, data, visits, seed), lambda fitted: made
    policy, params = choice_of(name)
    budget = 2 * visits if name == "all" else visits
    ours = net.make(data, policy=policy, max_visits=budget, random_state=seed, **params)
    return ours, lambda fitted: sum(row["n_active"] for row in fitted.history_) / len(data.y)


def targets(name: str, data: Split) -> Any:
    """Return y; skorch wants numbers as float32 columns, everyone else takes them as they are."""
    if name != "skorch" or data.is_classification:
        return data.y
    return data.y.astype("float32").reshape(len(data.y), -1)


def more(estimator: Any, data: Split) -> Record:
    """Return the area under the ROC curve where there are two classes."""
    if not data.is_classification or len(set(data.y.tolist())) != 2:
        return {}
    return {"auc": float(roc_auc_score(data.y_test, estimator.predict_proba(data.X_test)[:, 1]))}
