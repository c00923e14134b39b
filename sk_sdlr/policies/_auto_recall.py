"""A recall threshold that finds itself: shrink while there are easy rows left.

After an epoch on all rows the *bar* is set at a fifth of the mean squared error of the outputs. A
row under it is easy. As long as all the rows that a shrink step would drop are easy, it is made;
else all rows come back.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ._base import ActiveSet, EpochErrors, OutputErrors, check_finite, order_statistic

BAR = 1 / 5
# Recall before so few are left that the rows of a class or a corner are no longer among them.
LEAST_SHARE = 0.02


@dataclass(frozen=True)
class BarredSet(ActiveSet):
    """An active set that remembers the bar of the last epoch on all rows.

    Parameters
    ----------
    bar : float, default=0.0
        The squared error of the outputs under which a row is easy.
    """

    bar: float = 0.0


def bar_after(active: ActiveSet, epoch: EpochErrors) -> float:
    """Return the bar: a new one after an epoch on all rows, else the one of the active set."""
    if isinstance(active, BarredSet) and active.index.shape[0] < epoch.n_samples:
        return active.bar
    output = outputs_of(epoch)
    check_finite(output.error)
    return BAR * typical_error(output)


def outputs_of(epoch: EpochErrors) -> OutputErrors:
    """Return the squared errors of the outputs of an epoch; raise ValueError if it has none."""
    if epoch.output is None:
        raise ValueError("t='auto' needs the squared errors of the outputs, however: output=None.")
    return epoch.output


def typical_error(output: OutputErrors) -> float:
    """Return the mean error, or one that a few huge errors do not move."""
    if output.is_bounded:
        return weighted_mean(output.error, output.weight)
    return float(order_statistic(output.error, output.error.shape[0] // 2)) / MEDIAN_OF_CHI2


MEDIAN_OF_CHI2 = 0.4549  # of squares of normal numbers of variance 1


def weighted_mean(values: Tensor, weight: Tensor | None) -> float:
    """Return the mean, in double precision."""
    if weight is None:
        return float(values.mean(dtype=torch.float64))
    return float(torch.dot(values, weight) / weight.sum())


def least_rows_left(epoch: EpochErrors) -> float:
    """Return how many rows a shrink step must leave."""
    return max(LEAST_SHARE * epoch.n_samples, epoch.batch_size)
