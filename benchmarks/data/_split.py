"""Rows to train on and rows to test on, and how a file becomes these."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

DataHome = str | os.PathLike[str] | None


def folder_of(data_home: DataHome) -> Path:
    """Return the data folder, as the readers of :mod:`sk_sdlr.datasets` find it."""
    return Path(data_home or os.environ.get("SK_SDLR_DATA") or ".")


class Split(NamedTuple):
    """Rows to train on and rows to test on.

    Parameters
    ----------
    X : ndarray or DataFrame of shape (n_train, n_features)
        Features to train on.
    y : ndarray of shape (n_train,) or (n_train, n_targets)
        Targets; classes are integers.
    X_test : ndarray or DataFrame of shape (n_test, n_features)
        Features to test on.
    y_test : ndarray of shape (n_test,) or (n_test, n_targets)
        Targets to test on.
    """

    X: Any
    y: NDArray[Any]
    X_test: Any
    y_test: NDArray[Any]

    @property
    def is_classification(self) -> bool:
        """Whether targets are classes."""
        return self.y.dtype.kind in "iu"


def scaled(X: NDArray[Any], y: NDArray[Any], X_test: NDArray[Any], y_test: NDArray[Any]) -> Split:
    """Return the rows with features of mean 0 and standard deviation 1 in the training set."""
    scaler = StandardScaler().fit(X)
    return Split(scaler.transform(X), y, scaler.transform(X_test), y_test)


def at_random(
    X: NDArray[Any], y: NDArray[Any], n_train: int | None = None, *, scale: bool = True
) -> Split:
    """Return random rows to train on, three quarters if no number is given, the same each time."""
    X, X_test, y, y_test = train_test_split(X, y, train_size=n_train or 0.75, random_state=0)
    return scaled(X, y, X_test, y_test) if scale else Split(X, y, X_test, y_test)


def held_out(data: Split, seed: int = 0) -> Split:
    """Return four fifths of the training rows, and the others to judge by: no test row is seen."""
    X, y = data.X, data.y
    judged = np.random.default_rng(seed).permutation(len(y)) < len(y) // 5
    return Split(X[~judged], y[~judged], X[judged], y[judged])


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
    with _reading(path), np.load(path, allow_pickle=False) as file:
        missing = {"X"} - set(file) or ({"y"} if not {"y", "Y"} & set(file) else set())
        if missing:
            raise ValueError(f"it must have an array {missing.pop()!r}. Got {sorted(file)} instead")
        X, y = file["X"], file["y" if "y" in file else "Y"]
    if len(X) != len(y) or len(X) < 8 or (n_train or 0) >= len(X):
        raise ValueError(
            f"{path} must have X and y of as many rows, more than {n_train or 7}. "
            f"Got X.shape={X.shape}, y.shape={y.shape} instead."
        )
    if y.dtype.kind in "biuUS":
        y = np.unique(y, return_inverse=True)[1]
    return at_random(X.reshape(len(X), -1).astype(np.float32), y, n_train, scale=scale)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path} must be an npz file with X and y: {error}.") from error
