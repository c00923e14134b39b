"""What the benchmarks share: data, records with their circumstances, medians."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from sk_sdlr.datasets import load_cifar10, load_higgs, load_mnist
from sk_sdlr.experiments._circumstances import circumstances
from sk_sdlr.experiments._sets import HIGGS_TRAIN, scaled


def save(name: str, results: dict, out: str | None) -> Path:
    """Write the results as JSON, with what they were measured on."""
    path = Path(out or Path(__file__).parent / "results" / f"{name}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"circumstances": circumstances(), **results}, indent=1) + "\n")
    print(f"written: {path}")
    return path


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each column of several runs."""
    return {key: median(run[key] for run in runs) for key in runs[0]}


def higgs(features: str = "high") -> tuple[np.ndarray, ...]:
    """Return X, y of 50,000 rows and X, y of the rest, scaled; generated ones without the data."""
    try:
        X, y = load_higgs(features, return_X_y=True)
    except FileNotFoundError:
        print("HIGGS is not there; generated rows of the same shape take its place.")
        X, y = _noise(64_000, 7 if features == "high" else 28, 2)
    return scaled(X[:HIGGS_TRAIN], y[:HIGGS_TRAIN], X[HIGGS_TRAIN:], y[HIGGS_TRAIN:])


def mnist() -> tuple[np.ndarray, ...]:
    """Return X, y of 60,000 rows and X, y of 10,000; generated ones without the data."""
    return _images("MNIST", load_mnist, 60_000, 784)


def cifar10() -> tuple[np.ndarray, ...]:
    """Return X, y of 50,000 flat images and X, y of 10,000; generated ones without the data."""
    return _images("CIFAR-10", load_cifar10, 50_000, 3072)


def _images(name: str, load: Callable, n_train: int, n_features: int) -> tuple[np.ndarray, ...]:
    try:
        X, y = load("train", return_X_y=True, download=False)
        X_test, y_test = load("test", return_X_y=True, download=False)
    except FileNotFoundError:
        print(f"{name} is not there; generated rows of the same shape take its place.")
        X, y = _noise(n_train + 10_000, n_features, 10)
        X, X_test, y, y_test = X[:n_train], X[n_train:], y[:n_train], y[n_train:]
    return X.reshape(n_train, -1), y, X_test.reshape(len(X_test), -1), y_test


def _noise(n_samples: int, n_features: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.random((n_samples, n_features), dtype=np.float32)
    scores = X @ rng.normal(size=(n_features, n_classes))
    return X, scores.argmax(1)
