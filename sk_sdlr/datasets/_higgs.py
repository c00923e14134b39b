"""The HIGGS collisions, from the published table or the same table in another format."""

import gzip
from collections.abc import Callable
from itertools import chain, islice
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions

from ._base import (
    DataHome,
    RemoteFile,
    check_labels,
    check_params,
    data_folders,
    get_file,
    import_optional,
    reading,
)

_FILE = RemoteFile(
    "HIGGS.csv.gz",
    "https://archive.ics.uci.edu/ml/machine-learning-databases/00280/HIGGS.csv.gz",
    None,
)
_FEATURE_NAMES = (
    "lepton pT",
    "lepton eta",
    "lepton phi",
    "missing energy magnitude",
    "missing energy phi",
    *(f"jet {jet} {what}" for jet in range(1, 5) for what in ("pt", "eta", "phi", "b-tag")),
    "m_jj",
    "m_jjj",
    "m_lv",
    "m_jlv",
    "m_bb",
    "m_wbb",
    "m_wwbb",
)
_FEATURES = {"all": slice(None), "low": slice(0, 21), "high": slice(21, None)}
_N_COLUMNS = 1 + len(_FEATURE_NAMES)
_DESCR = """\
HIGGS: simulated particle collisions that produce Higgs bosons (1) or are background (0); 21
features are measured by the detector and 7 are masses derived from these. The published file
has 11,000,000 rows. Baldi, Sadowski and Whiteson, 2014. DOI 10.24432/C5V312, CC BY 4.0."""

# Features and labels of the first so many rows, or of all.
_Reader: TypeAlias = Callable[[Path, int | None], tuple[NDArray[Any], NDArray[Any]]]


def load_higgs(
    features: Literal["all", "high", "low"] = "all",
    *,
    n_samples: int | None = None,
    data_home: DataHome = None,
    return_X_y: bool = False,
    download: bool = False,
) -> Bunch | tuple[NDArray[np.float32], NDArray[np.int64]]:
    """
    Load the HIGGS collisions (binary classification).

    The first file that exists of ``HIGGS.csv.gz`` (the published one), ``HIGGS.csv``,
    ``HIGGS.npz`` and ``HIGGS.parquet`` is read, each looked for in ``<data_home>/higgs`` and
    then in ``<data_home>``.

    Parameters
    ----------
    features : {"all", "high", "low"}, default="all"
        All 28 features, the 7 high-level ones (invariant masses), or the 21 low-level ones
        (kinematic properties).
    n_samples : int, default=None
        The number of rows to read from the beginning of the file, at least 1. None: all.
    data_home : str or path-like, default=None
        The data folder. By default the environment variable ``SK_SDLR_DATA`` names it, and
        where that is not set it is the user's cache folder.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    download : bool, default=False
        Fetch the published file (2.6 GB) into ``<data_home>/higgs`` if there is none. Needs
        pooch. No checksum of it is published, so none is verified.

    Returns
    -------
    higgs : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples, n_features), float32
            The features in the units of the published file.
        target : ndarray of shape (n_samples,), int64
            1 for signal, 0 for background.
        feature_names : list of str
            The names of the columns of ``data``.
        target_names : ndarray of shape (2,)
            The names of the classes.
        DESCR : str
            A description of the data set.

    (data, target) : tuple
        The two arrays alone, if ``return_X_y=True``.

    Raises
    ------
    FileNotFoundError
        If there is no file and ``download=False``, or if fetching it failed.
    ImportError
        If the file must be fetched and pooch is not installed, or if it is a parquet file and
        pyarrow is not installed.
    ValueError
        If a parameter has a value that is not allowed, if the file has fewer rows than
        ``n_samples``, or if it is damaged.

    See Also
    --------
    load_mnist : Handwritten digits.

    Notes
    -----
    A csv or parquet file has the label in its first column and the features after it, in the
    order of ``feature_names``; the csv file has no header. An npz file holds an array ``X`` of
    shape (n_samples, 28) and an array ``y`` of shape (n_samples,).

    References
    ----------
    .. [1] P. Baldi, P. Sadowski and D. Whiteson, "Searching for exotic particles in high-energy
       physics with deep learning", Nature Communications 5, 4308, 2014. Data: DOI
       10.24432/C5V312.

    Examples
    --------
    Two made-up rows, stored in the published layout:

    >>> import pathlib, tempfile
    >>> from sk_sdlr.datasets import load_higgs
    >>> folder = tempfile.TemporaryDirectory()
    >>> rows = ["1.0" + 28 * ",0.5", "0.0" + 28 * ",0.25"]
    >>> _ = pathlib.Path(folder.name, "HIGGS.csv").write_text("\\n".join(rows))
    >>> higgs = load_higgs("high", data_home=folder.name)
    >>> higgs.data.shape, higgs.target
    ((2, 7), array([1, 0]))
    >>> higgs.feature_names
    ['m_jj', 'm_jjj', 'm_lv', 'm_jlv', 'm_bb', 'm_wbb', 'm_wwbb']
    >>> folder.cleanup()
    """
    check_params(
        "load_higgs",
        {
            "features": [StrOptions({"all", "high", "low"})],
            "n_samples": [Interval(Integral, 1, None, closed="left"), None],
        },
        features=features,
        n_samples=n_samples,
        data_home=data_home,
        return_X_y=return_X_y,
        download=download,
    )
    folders = data_folders(data_home, "higgs")
    others = tuple(name for name in _READERS if name != _FILE.name)
    path = get_file(_FILE, folders, download=download, other_names=others)
    with reading(path):
        X, y = _to_checked(*_READERS[path.name](path, n_samples))
    if n_samples is not None and len(X) < n_samples:
        raise ValueError(f"n_samples={n_samples} rows were asked for, but {path} has {len(X)}.")
    # A copy, so that what was read but not asked for does not stay in memory.
    X = X[:, _FEATURES[features]].copy()
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        feature_names=list(_FEATURE_NAMES[_FEATURES[features]]),
        target_names=np.array(["background", "signal"]),
        DESCR=_DESCR,
    )


def _read_csv(path: Path, n_samples: int | None) -> tuple[NDArray[Any], NDArray[Any]]:
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="ascii") as file:
        # Empty lines are dropped here because loadtxt warns about them.
        lines = islice(filter(str.strip, file), n_samples)
        if (first := next(lines, None)) is None:
            raise ValueError("it has no rows")
        # Told here because loadtxt takes the first row's number of columns for the right one.
        _check_n_columns(1 + first.count(","))
        # As fast as the readers of pandas and pyarrow for a table of this kind.
        table = np.loadtxt(
            chain([first], lines), dtype=np.float32, delimiter=",", comments=None, ndmin=2
        )
    return table[:, 1:], table[:, 0]


def _read_npz(path: Path, n_samples: int | None) -> tuple[NDArray[Any], NDArray[Any]]:
    # Opened here because numpy leaves the file open if it turns out not to be a zip file.
    with path.open("rb") as file:
        arrays = np.load(file, allow_pickle=False)
        if not isinstance(arrays, np.lib.npyio.NpzFile):
            raise ValueError("it is a single array, not an npz file")
        if missing := {"X", "y"} - set(arrays):
            raise ValueError(f"it has no array {min(missing)}")
        X, y = arrays["X"], arrays["y"]
    if X.ndim != 2 or y.shape != X.shape[:1]:
        raise ValueError(f"X has the shape {X.shape} and y the shape {y.shape}")
    return X[:n_samples], y[:n_samples]


def _read_parquet(path: Path, n_samples: int | None) -> tuple[NDArray[Any], NDArray[Any]]:
    dataset = import_optional("pyarrow.dataset", "Reading HIGGS.parquet", "pyarrow").dataset(
        path, format="parquet"
    )
    _check_n_columns(len(dataset.schema))
    table = dataset.to_table() if n_samples is None else dataset.head(n_samples)
    y, *columns = (column.to_numpy() for column in table.columns)
    return np.column_stack(columns), y


_READERS: dict[str, _Reader] = {
    "HIGGS.csv.gz": _read_csv,
    "HIGGS.csv": _read_csv,
    "HIGGS.npz": _read_npz,
    "HIGGS.parquet": _read_parquet,
}


def _check_n_columns(n_columns: int) -> None:
    if n_columns != _N_COLUMNS:
        raise ValueError(f"a row has {n_columns} columns, not a label and {_N_COLUMNS - 1} more")


def _to_checked(X: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return finite features as float32 and labels 0 or 1 as int64."""
    _check_n_columns(1 + X.shape[1])
    if not len(X):
        raise ValueError("it has no rows")
    for what, values in (("features", X), ("labels", y)):
        if values.dtype.kind not in "fiub":
            raise ValueError(f"its {what} are not numbers but of the type {values.dtype}")
    with np.errstate(over="ignore"):
        X = X.astype(np.float32, copy=False)
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise ValueError(f"{_FEATURE_NAMES[column]} is missing or not finite in row {row}")
    check_labels(y, n_classes=2)
    return X, y.astype(np.int64)
