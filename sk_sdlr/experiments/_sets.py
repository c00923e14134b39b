"""The data sets of the experiments, split and scaled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from ..datasets import load_cifar10, load_higgs, load_mnist
from ..datasets._base import DataHome, data_folders, find_file, reading

HIGGS_TRAIN = 50_000
SPLICING_TRAIN = 2500
STAND_IN = "movie_ldl/movie_ldl.npz"


class Split(NamedTuple):
    """Rows to train on and rows to test on.

    Parameters
    ----------
    X : ndarray of shape (n_train, n_features)
        Features to train on.
    y : ndarray of shape (n_train,) or (n_train, n_targets)
        Targets; classes are integers.
    X_test : ndarray of shape (n_test, n_features)
        Features to test on.
    y_test : ndarray of shape (n_test,) or (n_test, n_targets)
        Targets to test on.
    """

    X: NDArray[Any]
    y: NDArray[Any]
    X_test: NDArray[Any]
    y_test: NDArray[Any]

    @property
    def is_classification(self) -> bool:
        """Whether targets are classes."""
        return self.y.dtype.kind in "iu"


def load(name: str, data_home: DataHome = None) -> Split:
    """Return a named set, or the rows of an npz file.

    Parameters
    ----------
    name : str
        A name of `SETS`, or the path of a file ``*.npz`` with X and y (or Y).
    data_home : str or path-like, default=None
        The data folder, as the readers of :mod:`sk_sdlr.datasets` take it.

    Returns
    -------
    split : Split
        The rows.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    ValueError
        If the name is not known, or a file is not what it should be.
    """
    if name in SETS:
        return SETS[name](data_home)
    if Path(name).suffix == ".npz":
        return from_file(Path(name))
    raise ValueError(
        f"dataset must be one of {', '.join(sorted(SETS))}, or a file *.npz, however: {name!r}."
    )


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
    path = find_file(STAND_IN, data_folders(data_home, ""))
    if path is None:
        raise FileNotFoundError(
            f"{STAND_IN} not found in the data folder. It stands in for the paper's Alternative "
            "Splicing set, of which no public copy is known; pass your own with --splicing."
        )
    # Most of its features are 0 or 1, and rare; to standardise them would blow these up.
    return from_file(path, SPLICING_TRAIN, scale=False)


def from_file(path: Path, n_train: int | None = None, *, scale: bool = True) -> Split:
    """Return the rows of an npz file with X and y (or Y), split at random.

    Parameters
    ----------
    path : Path
        The file. Integers, booleans and strings in y are classes, other numbers are not.
    n_train : int or None, default=None
        Rows to train on; None: three quarters.
    scale : bool, default=True
        Whether features are standardised.

    Returns
    -------
    split : Split
        The rows.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it has no X and y of as many rows, or too few of them.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there.")
    with reading(path), np.load(path, allow_pickle=False) as file:
        missing = {"X"} - set(file) or ({"y"} if not {"y", "Y"} & set(file) else set())
        if missing:
            raise ValueError(f"it has no array {missing.pop()!r}, however: {sorted(file)}")
        X, y = file["X"], file["y" if "y" in file else "Y"]
    if len(X) != len(y) or len(X) < 8 or (n_train or 0) >= len(X):
        raise ValueError(
            f"{path} must have X and y of as many rows, more than {n_train or 7}, however: "
            f"X.shape={X.shape}, y.shape={y.shape}."
        )
    if y.dtype.kind in "biuUS":
        y = np.unique(y, return_inverse=True)[1]
    X = X.reshape(len(X), -1).astype(np.float32)
    X, X_test, y, y_test = train_test_split(X, y, train_size=n_train or 0.75, random_state=0)
    return scaled(X, y, X_test, y_test) if scale else Split(X, y, X_test, y_test)


def scaled(X: NDArray[Any], y: NDArray[Any], X_test: NDArray[Any], y_test: NDArray[Any]) -> Split:
    """Return the rows with features of mean 0 and standard deviation 1 in the training set."""
    scaler = StandardScaler().fit(X)
    return Split(scaler.transform(X), y, scaler.transform(X_test), y_test)


def _higgs(features: Any, data_home: DataHome) -> Split:
    X, y = load_higgs(features, data_home=data_home, return_X_y=True)
    return scaled(X[:HIGGS_TRAIN], y[:HIGGS_TRAIN], X[HIGGS_TRAIN:], y[HIGGS_TRAIN:])


SETS: dict[str, Callable[[DataHome], Split]] = {
    "mnist": mnist,
    "mnist_1000": mnist_1000,
    "cifar10": cifar10,
    "higgs": higgs,
    "higgs28": higgs28,
    "splicing": splicing,
}
