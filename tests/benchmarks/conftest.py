"""Sets as wide as the real ones and a hundred rows long."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.data import SETS, Split


def classes(n_features: int, n_classes: int, seed: int = 0) -> Split:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, n_features))
    y = np.arange(160) % n_classes
    X = (centres[y] + rng.normal(size=(160, n_features))).astype("f")
    return Split(X[:120], y[:120], X[120:], y[120:])


def distributions() -> Split:
    X, y, X_test, y_test = classes(20, 3)
    return Split(X, np.eye(3)[y] * 0.9, X_test, np.eye(3)[y_test] * 0.9)


def numbers() -> Split:
    X, _, X_test, _ = classes(8, 2)
    return Split(X, 1000 * X[:, 0], X_test, 1000 * X_test[:, 0])


@pytest.fixture
def small_sets(monkeypatch):
    """Put small sets in the place of the real ones."""
    small = {
        "mnist": lambda home: classes(784, 10),
        "mnist_1000": lambda home: classes(784, 10, 1),
        "cifar10": lambda home: classes(3072, 10),
        "higgs": lambda home: classes(7, 2),
        "higgs28": lambda home: classes(28, 2),
        "digits": lambda home: classes(64, 2),
        "splicing": lambda home: distributions(),
        "magic": lambda home: classes(10, 2),
        "california_housing": lambda home: numbers(),
    }
    for name, made in small.items():
        monkeypatch.setitem(SETS, name, made)
    return small


@pytest.fixture
def file(tmp_path):
    """Write a set of one's own."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    np.savez(tmp_path / "mine.npz", X=X, y=np.where(X[:, 0] > 0, "yes", "no"))
    return str(tmp_path / "mine.npz")
