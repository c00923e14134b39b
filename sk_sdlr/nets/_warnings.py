"""What is not complete is not silent: runs that end on a part of the rows."""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning

from ..runs import Run


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


def report_end(run: Run, *, verbose: bool) -> None:
    """Warn of a run that ends on a part of the rows; print that it has stopped early.

    Parameters
    ----------
    run : Run
        One that is over.
    verbose : bool
        Whether to print.
    """
    if not run.has_stopped_early:
        warn_if_partial_set(run.n_active, run.data.n_samples)
    elif verbose:
        epochs = run.settings.n_iter_no_change
        print(f"Stopped: valid_loss has not improved for {epochs} epochs.")  # noqa: T201 - verbose
