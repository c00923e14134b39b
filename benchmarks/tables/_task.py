"""What a method is told of a table before it sees the rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..data import Split, words_of


class Task(NamedTuple):
    """A table to learn.

    Parameters
    ----------
    n_rows : int
        To train on.
    words : tuple of str
        Columns of categories.
    n_classes : int or None
        None: numbers are predicted.
    """

    n_rows: int
    words: tuple[str, ...]
    n_classes: int | None


def task_of(data: Split) -> Task:
    """Return what there is to learn."""
    n_classes = len(np.unique(data.y)) if data.is_classification else None
    return Task(len(data.y), tuple(words_of(data.X)), n_classes)
