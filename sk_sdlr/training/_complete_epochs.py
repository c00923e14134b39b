"""What is not complete is not silent: epochs that were interrupted, runs that end in mid-cycle."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.exceptions import ConvergenceWarning
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


def word_if_in_mid_cycle(n_active: int, n_samples: int) -> None:
    """Warn of a run that ends on a part of the rows.

    Parameters
    ----------
    n_active : int
        Rows that were active in the last epoch.
    n_samples : int
        Rows of the training set.
    """
    if n_active < n_samples:
        warnings.warn(
            f"The run ended in mid-cycle, on {n_active} of {n_samples} rows, which the net fits "
            "better now than the others. Set anneal > 0 to end on all of them.",
            ConvergenceWarning,
            stacklevel=2,
        )
