"""Record the bits of representative fits, to see what a change of the code changes.

    python tools/golden.py --out before.json
    python tools/golden.py --compare before.json

Each case trains on generated rows and is hashed twice: its weights, and its history. Bits depend on
processor and library versions, so that only files of one machine can be compared. The seconds are
of one run and tell orders of magnitude; `benchmarks` times properly.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from sklearn.datasets import make_classification
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

from sk_sdlr import (
    FullData,
    InfoBatch,
    PolicyCallback,
    RandomSubset,
    SelectiveBackprop,
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingDBNClassifier,
    ShrinkingDBNRegressor,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    ShrinkRecall,
)

HISTORY = ("epoch", "n_active", "threshold", "train_loss", "valid_loss", "lr")
PLAIN: dict[str, Any] = {
    "hidden_layer_sizes": (20,),
    "activation": "tanh",
    "batch_norm": False,
    "dropout": 0.0,
    "batch_size": 50,
    "max_epochs": 12,
    "random_state": 0,
}
FIXED: dict[str, Any] = {"s": 0.2, "t": 0.3, "alpha": None}
SGD = {"optimizer": "sgd", "lr": 0.1}

X, Y = make_classification(2000, 16, n_informative=10, class_sep=2.0, random_state=0)
X = X.astype(np.float32)
PIXELS = (X[:600] - X.min()) / (X.max() - X.min())
TARGETS = np.column_stack([X[:, 0] + X[:, 1] ** 2, X[:, 2]])
WEIGHT = np.random.default_rng(0).uniform(0.5, 2, len(X))


class Watching(Callback):
    """Listens to batches, so that they are trained on one at a time."""

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        """Listen."""


def classifier(**params: Any) -> Any:
    """Return a plain perceptron, fitted."""
    return ShrinkingDNNClassifier(**PLAIN | params).fit(X, Y)


def weighted(**params: Any) -> Any:
    """Return a plain perceptron, fitted to weighted rows."""
    return ShrinkingDNNClassifier(**PLAIN | params).fit(X, Y, sample_weight=WEIGHT)


def warm() -> Any:
    """Return a perceptron fitted twice."""
    made = ShrinkingDNNClassifier(**PLAIN, **FIXED, warm_start=True)
    return made.fit(X[:1000], Y[:1000]).fit(X, Y)


def partial() -> Any:
    """Return a perceptron fitted in parts."""
    made = ShrinkingDNNClassifier(**PLAIN)
    for rows in (slice(0, 500), slice(500, 2000), slice(0, 2000)):
        made.partial_fit(X[rows], Y[rows], classes=[0, 1])
    return made


def regressor(**params: Any) -> Any:
    """Return a plain perceptron for two numbers a row."""
    return ShrinkingDNNRegressor(**PLAIN | params).fit(X, TARGETS)


def dbn() -> Any:
    """Return a deep belief net, pretrained on a shrinking set too."""
    made = ShrinkingDBNClassifier((12, 8), pretrain_shrink=True, max_epochs=6, random_state=0)
    return made.fit(PIXELS, Y[:600])


def gaussian_dbn() -> Any:
    """Return a deep belief net of real features, with persistent chains."""
    made = ShrinkingDBNRegressor((12,), persistent=True, max_epochs=6, random_state=0)
    return made.fit(X[:600], TARGETS[:600, 0])


def cnn(**params: Any) -> Any:
    """Return a convolutional net."""
    return ShrinkingCNNClassifier(max_epochs=4, random_state=0, **params).fit(PIXELS, Y[:600])


def own_module(*parts: nn.Module) -> Any:
    """Return a net of torch's own parts."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(16, 30), *parts, nn.ReLU(), nn.Linear(30, 2))
    return ShrinkingClassifier(module, max_epochs=8, random_state=0, **FIXED).fit(X, Y)


def callback() -> Any:
    """Return a stock skorch net that a policy chooses the rows of."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            nn.Sequential(nn.Linear(16, 2)),
            criterion=nn.CrossEntropyLoss,
            max_epochs=6,
            iterator_train__shuffle=True,
            callbacks=[PolicyCallback(ShrinkRecall(t=0.3))],
            verbose=0,
        )
        return net.fit(X, Y.astype(np.int64))


CASES: dict[str, Callable[[], Any]] = {
    "default": lambda: ShrinkingDNNClassifier(max_epochs=5, random_state=0).fit(X, Y),
    "no dropout": lambda: ShrinkingDNNClassifier(dropout=0, max_epochs=5, random_state=0).fit(X, Y),
    "auto, sgd": lambda: classifier(**SGD, max_epochs=30),
    "auto, autograd": lambda: classifier(batch_norm=True, max_epochs=30),
    "fixed, sgd": lambda: classifier(**SGD, **FIXED),
    "smoothed, nesterov": lambda: classifier(
        s=0.2, t=0.3, optimizer="nesterov", momentum=0.9, lr=0.02
    ),
    "adam, decay, cosine": lambda: classifier(
        **FIXED, optimizer="adam", weight_decay=0.01, lr_schedule="cosine"
    ),
    "all rows, float64": lambda: classifier(policy=FullData(), dtype="float64"),
    "infobatch, weights": lambda: weighted(policy=InfoBatch()),
    "selective backprop": lambda: classifier(policy=SelectiveBackprop()),
    "random rows": lambda: classifier(policy=RandomSubset()),
    "no recall, squared error": lambda: classifier(
        policy=ShrinkRecall(t=0.5, recall=False), loss="squared_error", **SGD
    ),
    "weights, visits": lambda: weighted(**FIXED, max_passes=5.5),
    "early stopping": lambda: classifier(
        **FIXED, early_stopping=True, n_iter_no_change=2, lr=0.02, max_epochs=40
    ),
    "callbacks": lambda: classifier(**FIXED, callbacks=[Watching()]),
    "warm start": warm,
    "partial fit": partial,
    "regressor": lambda: regressor(max_epochs=30),
    "dbn": dbn,
    "gaussian dbn": gaussian_dbn,
    "cnn": cnn,
    "plain cnn": lambda: cnn(dropout=0.0, batch_norm=False),
    "own module": own_module,
    "own module, dropout": lambda: own_module(nn.BatchNorm1d(30), nn.Dropout(0.2)),
    "stock skorch": callback,
}


def record(case: Callable[[], Any]) -> dict[str, Any]:
    """Return the hashes of what a case trains, and its seconds."""
    began = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = case()
    seconds = perf_counter() - began
    net = getattr(fitted, "net_", fitted)
    weights, history = sha256(), sha256()
    for name, tensor in net.module_.state_dict().items():
        weights.update(name.encode() + tensor.contiguous().numpy().tobytes())
    for row in net.history:
        history.update(repr([row.get(key) for key in HISTORY]).encode())
    for row in getattr(fitted, "pretrain_history_", []):
        history.update(repr(sorted((k, v) for k, v in row.items() if k != "duration")).encode())
    n_active = [row["n_active"] for row in net.history]
    return {
        "weights": weights.hexdigest()[:16],
        "history": history.hexdigest()[:16],
        "n_active": n_active,
        "seconds": round(seconds, 3),
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return a line for each case that is not the same to the bit."""
    lines = []
    for name, case in now.items():
        old = before.get(name, {})
        changed = [key for key in ("weights", "history", "n_active") if case[key] != old.get(key)]
        if changed:
            lines.append(f"{name}: other {', '.join(changed)}")
    return lines + [f"{name}: no longer there" for name in before.keys() - now.keys()]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--compare", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cases = {name: record(case) for name, case in CASES.items()}
    if arguments.out:
        arguments.out.write_text(json.dumps(cases, indent=1) + "\n")
    if arguments.compare:
        changed = differences(json.loads(arguments.compare.read_text()), cases)
        print("\n".join(changed) or f"the same bits in all {len(cases)} cases")
        raise SystemExit(bool(changed))
    for name, case in cases.items():
        print(f"{name:26} {case['weights']} {case['history']} {case['seconds']:7.3f} s")


if __name__ == "__main__":
    main()
