"""The runs of the policy study: a case is a set, a net, an optimiser, a seed and a policy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from _study_sets import SETS, load
from sklearn.metrics import average_precision_score, log_loss, mean_squared_error, zero_one_loss

from sk_sdlr import ShrinkingCNNClassifier, ShrinkingDNNClassifier, ShrinkingDNNRegressor
from sk_sdlr.experiments._controls import RandomOfSizes
from sk_sdlr.experiments._fit import seconds
from sk_sdlr.policies import FullData, InfoBatch, Policy, SelectiveBackprop, ShrinkRecall

POLICIES: dict[str, Callable[[], Policy]] = {
    "full": FullData,
    "twice": FullData,
    "auto": lambda: ShrinkRecall(alpha=None),
    "auto_eq9": ShrinkRecall,
    "fixed": lambda: ShrinkRecall(t=0.2, alpha=None),
    "infobatch": InfoBatch,
    "selective": SelectiveBackprop,
}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd", "rates": (0.1, 0.4)},
    "momentum": {"optimizer": "sgd", "momentum": 0.9, "rates": (0.01, 0.04)},
    "adam": {"optimizer": "adam", "rates": (0.001, 0.003)},
    "adamw": {"optimizer": "adamw", "rates": (0.001, 0.002)},
}
PLAIN = {"activation": "relu", "dropout": 0.0, "batch_norm": False}


@dataclass(frozen=True)
class Case:
    """What a run is of; all but the policy is the same for the runs that are compared."""

    set: str
    net: str
    optimizer: str
    rate: float
    visits: float
    batch_size: int | str
    split: str
    seed: int
    policy: str


def run(case: Case, policy: Policy) -> dict[str, Any]:
    """Return what a run of this case came to."""
    X, y, X_test, y_test = data_of(case.set, case.split)
    net = make_net(case, y).set_params(policy=policy)
    took = seconds(net.fit, X, y)
    sizes = [row["n_active"] for row in net.history_]
    record = vars(case) | {"seconds": took, "sizes": sizes, "visited": sum(sizes) / len(y)}
    return record | scores(net, X_test, y_test)


def make_net(case: Case, y: np.ndarray) -> Any:
    """Return the estimator of a case."""
    visits = case.visits * (2 if case.policy == "twice" else 1)
    settings = {k: v for k, v in OPTIMIZERS[case.optimizer].items() if k != "rates"} | {
        "lr": case.rate,
        "max_visits": visits,
        "anneal": 0.1,
        "batch_size": case.batch_size,
        "n_threads": 1,
        "random_state": case.seed,
    }
    if case.net.startswith("cnn"):
        _, preset, *precision = case.net.split("-")
        settings |= {"precision": precision[0]} if precision else {}
        settings |= {"image_shape": (3, 32, 32)} if preset == "cifar10" else {}
        return ShrinkingCNNClassifier(
            preset, dropout=0.0, batch_norm=False, **settings | {"n_threads": None}
        )
    kind, *options = case.net.split("-")
    if kind == "shallow":
        size = int(options[0]) if options else SETS[case.set].hidden if case.set in SETS else 100
        settings |= PLAIN | {"hidden_layer_sizes": (size,)}
    if y.dtype.kind in "iu":
        return ShrinkingDNNClassifier(**settings)
    if ((y >= 0) & (y <= 1)).all():
        settings["output_activation"] = "sigmoid"
    return ShrinkingDNNRegressor(**settings)


def scores(net: Any, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return the error and what else there is to say: of numbers it is 1 - R2, of classes a rate.

    Of distributions it is half the mean L1 distance, which is 1 at most.
    """
    if y.dtype.kind not in "iu":
        predicted = net.predict(X)
        if y.ndim == 2 and np.allclose(y.sum(1), 1, atol=1e-3):  # distributions
            return {"error": float(np.abs(predicted - y).sum(1).mean() / 2)}
        return {"error": float(mean_squared_error(y, predicted) / y.var())}
    p = net.predict_proba(X).astype(np.float64)
    predicted = net.classes_[p.argmax(1)]
    loss = log_loss(y, p / p.sum(1, keepdims=True), labels=net.classes_)
    found = {"error": float(zero_one_loss(y, predicted)), "log_loss": float(loss)}
    if len(net.classes_) == 2:  # what a rare class is judged by
        found["average_precision"] = float(average_precision_score(y, p[:, 1]))
    return found


@lru_cache(2)
def data_of(name: str, split: str) -> tuple[np.ndarray, ...]:
    """Return X, y, X_test, y_test; of the training rows alone for validation."""
    X, y, X_test, y_test = load(name)
    if split == "test":
        return X, y, X_test, y_test
    held_out = np.random.default_rng(0).permutation(len(y)) < len(y) // 5
    return X[~held_out], y[~held_out], X[held_out], y[held_out]


def run_all_policies(cases: list[Case]) -> list[dict[str, Any]]:
    """Return the records of some policies on one seed; "random" follows "auto"."""
    torch.set_num_threads(torch.get_num_threads() if cases[0].net.startswith("cnn") else 1)
    records: list[dict[str, Any]] = []
    for case in cases:
        policy = POLICIES[case.policy]() if case.policy in POLICIES else None
        if policy is None:
            sizes = next(record["sizes"] for record in records if record["policy"] == "auto")
            policy = RandomOfSizes(tuple(sizes))
        records.append(run(case, policy))
    return records
