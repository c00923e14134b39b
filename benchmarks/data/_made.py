"""Sets that need no download, generated ones, and real ones spoilt on purpose.

Nothing about the policies was chosen by a look at the test rows of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_classification,
    make_friedman1,
)

from ._real import higgs28, mnist
from ._split import DataHome, Split, at_random

# Rows to train on, rows in all, features, classes.
SHAPES = {
    "mnist": (60_000, 70_000, 784, 10),
    "cifar10": (50_000, 60_000, 3072, 10),
    "higgs": (50_000, 64_000, 7, 2),
}


def generated(name: str) -> Split:
    """Return rows of the shape of a set, in the place of it, to time what does not need more."""
    n_train, n_samples, n_features, n_classes = SHAPES[name]
    rng = np.random.default_rng(0)
    X = rng.random((n_samples, n_features), dtype=np.float32)
    y = ((X - 0.5) @ rng.normal(size=(n_features, n_classes))).argmax(1)  # all classes occur
    return Split(X[:n_train], y[:n_train], X[n_train:], y[n_train:])


def with_random_labels(data: Split, share: float) -> Split:
    """Give a share of the training rows a random class."""
    rng = np.random.default_rng(0)
    y = data.y.copy()
    rows = rng.random(len(y)) < share
    y[rows] = rng.integers(0, y.max() + 1, rows.sum())
    return data._replace(y=y)


def one_in_a_hundred(data: Split, positive: int) -> Split:
    """Return one class against the others, and so few of it that it is a hundredth."""
    X, y = _imbalanced(data.X, data.y, positive)
    return Split(X, y, *_imbalanced(data.X_test, data.y_test, positive))


def _imbalanced(X: NDArray[Any], y: NDArray[Any], positive: int) -> tuple[Any, Any]:
    y = (y == positive).astype(np.int64)
    few = np.flatnonzero(y)[: (y == 0).sum() // 99]
    rows = np.sort(np.concatenate([np.flatnonzero(y == 0), few]))
    return X[rows], y[rows]


def invariant_mass(home: DataHome) -> Split:
    """Return the 21 low-level features of HIGGS and, as the target, the mass m_jjj: a long tail."""
    X, _, X_test, _ = higgs28(home)
    return Split(X[:, :21], X[:, 22], X_test[:, :21], X_test[:, 22])


def friedman(noise: float) -> Split:
    """Return 20,000 rows of Friedman's first function."""
    return at_random(*make_friedman1(20_000, noise=noise, random_state=0))


def long_tailed() -> Split:
    """Return Friedman's function under noise with a long tail, of which some is huge."""
    X, y = make_friedman1(20_000, random_state=0)
    return at_random(X, y + np.random.default_rng(0).standard_t(1.5, len(y)))


def table(flipped: float) -> Split:
    """Return a generated table of 20,000 rows, some of them with the wrong class."""
    X, y = make_classification(
        20_000,
        20,
        n_informative=10,
        n_clusters_per_class=8,
        class_sep=1.5,
        flip_y=flipped,
        random_state=0,
    )
    return at_random(X, y)


MADE: dict[str, Callable[[DataHome], Split]] = {
    "mnist_noise10": lambda home: with_random_labels(mnist(home), 0.1),
    "mnist_noise40": lambda home: with_random_labels(mnist(home), 0.4),
    "mnist_1in100": lambda home: one_in_a_hundred(mnist(home), 8),
    "higgs_1in100": lambda home: one_in_a_hundred(higgs28(home), 1),
    "higgs_mass": invariant_mass,
    "digits": lambda home: at_random(*load_digits(return_X_y=True)),
    "breast_cancer": lambda home: at_random(*load_breast_cancer(return_X_y=True)),
    "wine": lambda home: at_random(*load_wine(return_X_y=True)),
    "diabetes": lambda home: at_random(*load_diabetes(return_X_y=True)),
    "friedman_noise": lambda home: friedman(5.0),
    "friedman": lambda home: friedman(1.0),
    "friedman_clean": lambda home: friedman(0.0),
    "friedman_tails": lambda home: long_tailed(),
    "table_clean": lambda home: table(0.0),
    "table_noise10": lambda home: table(0.2),
    "table_noise20": lambda home: table(0.4),
}
