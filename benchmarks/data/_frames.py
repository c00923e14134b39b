"""Raw tables, as people have them: columns of numbers and of words, with gaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._load import load
from ._split import DataHome, Split, folder_of
from ._tables import TARGETS

# The column to predict, of the tables in the data folder.
RAW = TARGETS | {"bank_marketing": "y"}
FRAMES = ("higgs28", *sorted(RAW), "higgs")
TASKS = ("auto", "classification", "regression")
FORMATS = (".csv", ".csv.gz", ".parquet")
# Whole numbers of so few values are classes.
MOST_CLASSES = 30
LEAST_ROWS = 500


def load_frames(
    name: str,
    data_home: DataHome = None,
    *,
    target: str | None = None,
    task: str = "auto",
    share: float = 1.0,
) -> Split:
    """Return a set whose features are a data frame, and whose last fifth is the test part.

    Parameters
    ----------
    name : str
        A name of `FRAMES`, or the path of a CSV or parquet file.
    data_home : str or path-like, default=None
        The data folder.
    target : str or None, default=None
        The column of a file that is predicted; None: `name` is not a file.
    task : {"auto", "classification", "regression"}, default="auto"
        Of a file. "auto": words, booleans and whole numbers of at most 30 values are classes.
    share : float, default=1.0
        Of the rows, the first of them; 500 rows at least, as far as there are so many.

    Returns
    -------
    split : Split
        The rows. Classes are numbered from 0. The rows of a file are shuffled first, the same way
        each time; those in the data folder are so already. HIGGS keeps its own 50,000 to train on.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    ValueError
        If a file has no such target, or columns of other kinds.
    """
    if target is not None:
        table = _file(Path(name)).sample(frac=1, random_state=0)
    elif name in RAW:
        table, target = _raw(name, data_home), RAW[name]
    else:
        return _as_frames(load(name, data_home), share)
    return split_frame(table.iloc[: _share(len(table), share)], target, task)


def split_frame(table: pd.DataFrame, target: str, task: str = "auto") -> Split:
    """Return the rows of a table, in their order: four fifths to train on, the rest to test on."""
    table = table.reset_index(drop=True)
    _check(table, target)
    y = _targets(table.pop(target), task)
    n_train = len(y) * 4 // 5
    unknown = set(y[n_train:]) - set(y[:n_train]) if y.dtype.kind == "i" else set()
    if unknown:
        raise ValueError(
            f"every class of {target!r} must have rows to train on. Got {len(unknown)} without."
        )
    return Split(table[:n_train], y[:n_train], table[n_train:], y[n_train:])


def words_of(X: pd.DataFrame) -> list[str]:
    """Return the columns that are not numbers or booleans."""
    return list(X.columns[[not _is_number(X[name]) for name in X.columns]])


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column)  # booleans are


def _check(table: pd.DataFrame, target: str) -> None:
    if target not in table.columns:
        raise ValueError(
            f"the target must be a column of the table. Got {target!r} instead; "
            f"there are {', '.join(map(str, table.columns))}."
        )
    if len(table) < 8 or table.shape[1] < 2 or table[target].isna().any():
        raise ValueError(
            f"a table must have 8 rows and a feature at least, and no gap in {target!r}. Got "
            f"{table.shape[0]} rows, {table.shape[1]} columns and "
            f"{table[target].isna().sum()} gaps instead."
        )
    for name in words_of(table):
        kind = table[name].dtype
        if kind.kind != "O" and not isinstance(kind, pd.CategoricalDtype | pd.StringDtype):
            raise ValueError(
                f"columns must be numbers, booleans, strings or categories. "
                f"Got {name!r} of {kind} instead."
            )


def _targets(y: pd.Series, task: str) -> NDArray[Any]:
    """Return numbers, or the numbers of classes."""
    if task == "auto":
        few = y.dtype.kind in "iu" and y.nunique() <= MOST_CLASSES
        words = not _is_number(y) or pd.api.types.is_bool_dtype(y)
        task = "classification" if few or words else "regression"
    if task == "regression":
        return y.to_numpy(np.float64)
    return np.unique(y.to_numpy(), return_inverse=True)[1].astype(np.int64)


def _file(path: Path) -> pd.DataFrame:
    if not path.is_file() or not path.name.endswith(FORMATS):
        raise FileNotFoundError(
            f"it must be a file {', '.join(FORMATS)} that is there. Got {path} instead."
        )
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def _raw(name: str, data_home: DataHome) -> pd.DataFrame:
    path = folder_of(data_home) / "tables" / f"{name}.csv.gz"
    if not path.is_file():
        raise FileNotFoundError(f"tables/{name}.csv.gz not found in the data folder.")
    return pd.read_csv(path, keep_default_na=False, na_values=[""])  # "NA" may be a word


def _as_frames(data: Split, share: float) -> Split:
    """Return the same rows, or the first of them, with data frames in the place of arrays."""
    names = [f"f{i}" for i in range(data.X.shape[1])]
    n, n_test = (_share(len(y), share) for y in (data.y, data.y_test))
    X, X_test = (pd.DataFrame(x, columns=names) for x in (data.X[:n], data.X_test[:n_test]))
    return Split(X, data.y[:n], X_test, data.y_test[:n_test])


def _share(n_rows: int, share: float) -> int:
    return min(n_rows, max(LEAST_ROWS, int(share * n_rows)))
