"""What is not complete is not silent: runs that end on a part of the rows."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning


def warn_if_partial_set(n_active: int, n_samples: int) -> None:
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
            "better now than the others. Set full_at_end > 0 to end on all of them.",
            ConvergenceWarning,
            stacklevel=2,
        )
