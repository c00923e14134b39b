"""Sets as wide as the real ones and a hundred rows long."""

from __future__ import annotations

import numpy as np
import pytest

from sk_sdlr.experiments import _sets


def classes(n_features: int, n_classes: int, seed: int = 0) -> _sets.Split:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_classes, n_features))
    y = np.arange(160) % n_classes
    X = (centres[y] + rng.normal(size=(160, n_features))).astype("f")
    return _sets.Split(X[:120], y[:120], X[120:], y[120:])


def distributions() -> _sets.Split:
    X, y, X_test, y_test = classes(20, 3)
    return _sets.Split(X, np.eye(3)[y] * 0.9, X_test, np.eye(3)[y_test] * 0.9)


@pytest.fixture
def small_sets(monkeypatch):
    """Put small sets in the place of the real ones."""
    small = {
        "mnist": lambda home: classes(784, 10),
        "mnist_1000": lambda home: classes(784, 10, 1),
        "cifar10": lambda home: classes(3072, 10),
        "higgs": lambda home: classes(7, 2),
        "splicing": lambda home: distributions(),
    }
    for name, made in small.items():
        monkeypatch.setitem(_sets.SETS, name, made)
    return small
