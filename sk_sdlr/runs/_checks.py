"""What is checked before a run, and said of one that is interrupted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from ..policies import Policy
from ..policies._base import OUTPUT_ERROR


def check_min_rows(n_samples: int, batch_size: int, min_rows: int) -> None:
    """Raise ValueError if no batch can have as many rows as the module's batch norm needs."""
    if min(n_samples, batch_size) < min_rows:
        raise ValueError(
            f"The module's batch norm needs batches of at least {min_rows} rows. "
            f"Got n_samples={n_samples} and batch_size={batch_size} instead."
        )


def check_signals(policy: Policy) -> None:
    """Raise ValueError if the policy needs what no step gives."""
    unknown = sorted(set(getattr(policy, "needs", ())) - {OUTPUT_ERROR})
    if unknown:
        raise ValueError(
            f"What a policy needs must be of {[OUTPUT_ERROR]}. "
            f"Got {unknown} of {type(policy).__name__} instead."
        )


def diverged(epoch: int, lr: float) -> FloatingPointError:
    """Return the error to raise of a run that has gone back to before this epoch."""
    return FloatingPointError(
        f"The loss or the weights became NaN or infinite in epoch {epoch}, at a learning rate of "
        f"{lr:g}. The weights are those from before that epoch. Try a smaller lr, features of mean "
        "0 and standard deviation 1 (StandardScaler), or optimizer='adamw'."
    )


@contextmanager
def warning_if_interrupted(n_complete: int) -> Iterator[None]:
    """Warn of a KeyboardInterrupt, which skorch swallows."""
    try:
        yield
    except KeyboardInterrupt:
        warnings.warn(
            f"Training was interrupted after {n_complete} complete epochs; "
            "the net is as the last batch left it.",
            stacklevel=2,
        )
        raise
