"""Epochs that are not complete: the history forgets them, and an interruption is not silent."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from skorch.history import History


@contextmanager
def only_complete(history: History) -> Iterator[None]:
    """Delete the record of an epoch in which something is raised.

    Parameters
    ----------
    history : History
        Its last record is that of the epoch in progress.
    """
    try:
        yield
    except BaseException:  # KeyboardInterrupt is also a callback's way to stop
        del history[-1]
        raise


@contextmanager
def word_if_interrupted(history: History) -> Iterator[None]:
    """Warn of a KeyboardInterrupt, which skorch swallows.

    Parameters
    ----------
    history : History
        Its last record is that of the epoch in progress.
    """
    try:
        yield
    except KeyboardInterrupt:
        warnings.warn(
            f"Training was interrupted after {len(history) - 1} complete epochs; "
            "the net is as the last batch left it.",
            stacklevel=2,
        )
        raise
