"""Tables of the data folder: ``tables/NAME.csv.gz``, with the names of the columns on top."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ._split import DataHome, Split, folder_of, scaled

TARGETS = {"magic": "class", "letter": "letter", "california_housing": "median_house_value"}


def read_table(name: str, data_home: DataHome = None) -> Split:
    """Return a table: its columns of numbers, standardised; the first four fifths train.

    Parameters
    ----------
    name : str
        A key of `TARGETS`, which has the column to predict.
    data_home : str or path-like, default=None
        The data folder.

    Returns
    -------
    split : Split
        The rows. Numbers that are missing are the medians of their columns in the training rows.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    """
    columns = _columns(name, data_home)
    target = columns.pop(TARGETS[name])
    numbers = numbers_of(target)
    y = np.unique(target, return_inverse=True)[1] if numbers is None else numbers
    X = np.column_stack([x for x in map(numbers_of, columns.values()) if x is not None])
    n_train = len(y) * 4 // 5
    X = np.where(np.isnan(X), np.nanmedian(X[:n_train], axis=0), X).astype(np.float32)
    return scaled(X[:n_train], y[:n_train], X[n_train:], y[n_train:])


def numbers_of(column: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the numbers of a column, NaN where there is none, or None if it has words."""
    try:
        return np.array([float(cell or "nan") for cell in column])
    except ValueError:
        return None


def _columns(name: str, data_home: DataHome) -> dict[str, list[str]]:
    file = f"tables/{name}.csv.gz"
    path = folder_of(data_home) / file
    if not path.is_file():
        raise FileNotFoundError(f"{file} not found in the data folder.")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        names, *rows = csv.reader(text)
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


TABLES: dict[str, Callable[[DataHome], Split]] = {
    name: partial(read_table, name) for name in TARGETS
}
