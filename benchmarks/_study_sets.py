"""The sets of the policy study: real ones, real ones spoilt on purpose, and generated ones.

Nothing about the policies was chosen by a look at the test rows of these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import environ
from pathlib import Path

import numpy as np
from _common import cifar10, higgs, mnist
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_wine,
    make_classification,
    make_friedman1,
)
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

Data = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class StudySet:
    """How to get a set, and what a run on it is like unless the command line says otherwise.

    Parameters
    ----------
    load : callable
        Returns X, y, X_test, y_test, features scaled.
    hidden : int
        Units of the shallow net.
    visits : float
        Row visits, in units of the number of rows.
    """

    load: Callable[[], Data]
    hidden: int = 100
    visits: float = 12


def load(name: str) -> Data:
    """Return X, y, X_test, y_test of a named set or of an npz file with X and y."""
    return SETS[name].load() if name in SETS else from_file(name)


def from_file(path: str) -> Data:
    """Return the rows of an npz file with X and y (or Y), a quarter of them to test on."""
    with np.load(path, allow_pickle=False) as file:
        X, y = file["X"], file["y" if "y" in file else "Y"]
    y = np.unique(y, return_inverse=True)[1] if y.dtype.kind in "biuUS" else y
    return split(X.astype(np.float32).reshape(len(X), -1), y)


def split(X: np.ndarray, y: np.ndarray) -> Data:
    """Return three quarters to train on and a quarter to test on, features scaled by the former."""
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), y, scaler.transform(X_test), y_test


def movie() -> Data:
    """Return the stand-in for splicing: distributions over five classes."""
    folder = Path(environ.get("SK_SDLR_DATA", "."))
    return from_file(str(folder / "movie_ldl" / "movie_ldl.npz"))


def with_random_labels(data: Data, share: float) -> Data:
    """Give a share of the training rows a random class."""
    X, y, *test = data
    rng = np.random.default_rng(0)
    y = y.copy()
    rows = rng.random(len(y)) < share
    y[rows] = rng.integers(0, y.max() + 1, rows.sum())
    return X, y, *test


def one_in_a_hundred(data: Data, positive: int) -> Data:
    """Return one class against the others, and so few of it that it is a hundredth."""
    return *_imbalanced(*data[:2], positive), *_imbalanced(*data[2:], positive)


def _imbalanced(X: np.ndarray, y: np.ndarray, positive: int) -> Data:
    y = (y == positive).astype(np.int64)
    few = np.flatnonzero(y)[: (y == 0).sum() // 99]
    rows = np.sort(np.concatenate([np.flatnonzero(y == 0), few]))
    return X[rows], y[rows]


def invariant_mass() -> Data:
    """Return the 21 low-level features of HIGGS and, as the target, the mass m_jjj: a long tail."""
    X, _, X_test, _ = higgs("all")
    return X[:, :21], X[:, 22], X_test[:, :21], X_test[:, 22]


def friedman(noise: float) -> Data:
    """Return 20,000 rows of Friedman's first function."""
    return split(*make_friedman1(20_000, noise=noise, random_state=0))


def long_tailed() -> Data:
    """Return Friedman's function under noise with a long tail, of which some is huge."""
    X, y = make_friedman1(20_000, random_state=0)
    return split(X, y + np.random.default_rng(0).standard_t(1.5, len(y)))


def table(flipped: float) -> Data:
    """Return a generated table of 20,000 rows, some of them with the wrong class."""
    return split(
        *make_classification(
            20_000,
            20,
            n_informative=10,
            n_clusters_per_class=8,
            class_sep=1.5,
            flip_y=flipped,
            random_state=0,
        )
    )


SETS: dict[str, StudySet] = {
    "higgs7": StudySet(higgs, 50, 20),
    "higgs28": StudySet(lambda: higgs("all"), 100, 15),
    "movie": StudySet(movie, 100, 20),
    "mnist": StudySet(mnist, 500),
    "mnist_noise10": StudySet(lambda: with_random_labels(mnist(), 0.1), 500),
    "mnist_noise40": StudySet(lambda: with_random_labels(mnist(), 0.4), 500),
    "mnist_1in100": StudySet(lambda: one_in_a_hundred(mnist(), 8), 100),
    "higgs_1in100": StudySet(lambda: one_in_a_hundred(higgs("all"), 1), 100),
    "cifar10": StudySet(cifar10, 500),
    "digits": StudySet(lambda: split(*load_digits(return_X_y=True)), 100, 30),
    "breast_cancer": StudySet(lambda: split(*load_breast_cancer(return_X_y=True)), 100, 30),
    "wine": StudySet(lambda: split(*load_wine(return_X_y=True)), 100, 30),
    "diabetes": StudySet(lambda: split(*load_diabetes(return_X_y=True)), 100, 30),
    "higgs_mass": StudySet(invariant_mass, 100, 15),
    "friedman_noise": StudySet(lambda: friedman(5.0), 100, 20),
    "friedman": StudySet(lambda: friedman(1.0), 100, 20),
    "friedman_clean": StudySet(lambda: friedman(0.0), 100, 20),
    "friedman_tails": StudySet(long_tailed, 100, 20),
    "table_clean": StudySet(lambda: table(0.0), 100, 20),
    "table_noise10": StudySet(lambda: table(0.2), 100, 20),
    "table_noise20": StudySet(lambda: table(0.4), 100, 20),
}
