"""The sets of the paper, and those beside them, split and scaled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sk_sdlr.datasets import load_cifar10, load_higgs, load_mnist

from ._split import DataHome, Split, folder_of, from_file, scaled
from ._tables import TABLES

HIGGS_TRAIN = 50_000
SPLICING_TRAIN = 2500
STAND_IN = "movie_ldl/movie_ldl.npz"


def mnist(data_home: DataHome = None) -> Split:
    """Return MNIST, 60,000 + 10,000 rows of 784 pixels in [0, 1]."""
    X, y = load_mnist("train", data_home=data_home, return_X_y=True)
    X_test, y_test = load_mnist("test", data_home=data_home, return_X_y=True)
    return Split(X, y, X_test, y_test)


def mnist_1000(data_home: DataHome = None) -> Split:
    """Return the first 1,000 training rows of MNIST and all test rows."""
    X, y, *test = mnist(data_home)
    return Split(X[:1000], y[:1000], *test)


def cifar10(data_home: DataHome = None) -> Split:
    """Return CIFAR-10, 50,000 + 10,000 rows of 3,072 numbers, less the mean training image."""
    X, y = load_cifar10("train", data_home=data_home, return_X_y=True)
    X_test, y_test = load_cifar10("test", data_home=data_home, return_X_y=True)
    mean = X.mean(0)
    return Split(X - mean, y, X_test - mean, y_test)


def higgs(data_home: DataHome = None) -> Split:
    """Return the 7 high-level features of HIGGS, standardised; the first 50,000 rows train."""
    return _higgs("high", data_home)


def higgs28(data_home: DataHome = None) -> Split:
    """Return all 28 features of HIGGS, standardised; the first 50,000 rows train."""
    return _higgs("all", data_home)


def splicing(data_home: DataHome = None) -> Split:
    """Return the set that stands in for Alternative Splicing: 2,500 random rows train."""
    # Most of its features are 0 or 1, and rare; to standardise them would blow these up.
    return from_file(_stand_in(data_home), SPLICING_TRAIN, scale=False)


def movie(data_home: DataHome = None) -> Split:
    """Return the same set as any file is taken: three quarters train, features standardised."""
    return from_file(_stand_in(data_home))


def _higgs(features: Any, data_home: DataHome) -> Split:
    X, y = load_higgs(features, data_home=data_home, return_X_y=True)
    return scaled(X[:HIGGS_TRAIN], y[:HIGGS_TRAIN], X[HIGGS_TRAIN:], y[HIGGS_TRAIN:])


def _stand_in(data_home: DataHome) -> Path:
    path = folder_of(data_home) / STAND_IN
    if not path.is_file():
        raise FileNotFoundError(
            f"{STAND_IN} not found in the data folder. It stands in for the paper's Alternative "
            "Splicing set, of which no public copy is known; pass your own with --splicing."
        )
    return path


REAL: dict[str, Callable[[DataHome], Split]] = {
    "mnist": mnist,
    "mnist_1000": mnist_1000,
    "cifar10": cifar10,
    "higgs": higgs,
    "higgs28": higgs28,
    "splicing": splicing,
    "movie": movie,
    **TABLES,
}
