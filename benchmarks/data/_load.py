"""A set by its name or its file."""

from __future__ import annotations

from pathlib import Path

from ._made import MADE, SHAPES, generated
from ._real import REAL
from ._split import DataHome, Split, from_file

SETS = REAL | MADE


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
        f"dataset must be one of {', '.join(sorted(SETS))}, or a file *.npz. Got {name!r} instead."
    )


def load_or_generate(name: str, data_home: DataHome = None) -> Split:
    """Return a named set, or generated rows of the same shape if its files are not there."""
    try:
        return load(name, data_home)
    except FileNotFoundError:
        if name not in SHAPES:
            raise
        print(f"{name} is not there; generated rows of the same shape take its place.")
        return generated(name)
