"""A recall threshold that finds itself: shrink while there are easy rows, hold while there are few.

After an epoch on all rows the *bar* is set, at an eighth of the mean squared error of the outputs.
A row under it is easy. After any epoch::

    if s of the active rows, and a fifth of them at least, are easy:
                                 drop s of them, those of lowest error;
                                 if too few would be left: recall
    elif a subset is active:     hold: train on it again, `HOLD` epochs in a cycle at most
    otherwise:                   recall

A row of a class is easy once the probability of its class is high, p > 1 - sqrt(bar). To leave such
rows out is to train with a loss that is flat from there on, like the margin of a support vector
machine, and its optimum has the same class on top as long as sqrt(bar) < 1 / 2. A model that is no
worse than a constant one has a mean error of at most 1/4 in two classes, so sqrt(bar) <= 0.18.
Where classes overlap there are not enough rows that certain, and all rows stay.

A number may be predicted well by chance. So where outputs are not probabilities the bar is a tenth
of the median: under it lie 16 % of uniform errors, 17 % of normal ones, 20 % of Laplace's and 19 %
of Cauchy's. Rows are easy only where more errors are small than noise of one kind would make.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ._base import ActiveSet, EpochErrors, OutputErrors, order_statistic

BAR = 1 / 8  # of the mean
BAR_OF_MEDIAN = 1 / 10
# Holding costs nothing as long as the rows left out stay easy, and saves a pass over all of them:
# 6 and 24 do nearly as well. Without an end the rows left out are forgotten.
HOLD = 12
# Recall before so few are left that whole classes or corners are no longer among them.
LEAST_SHARE = 0.02
# Whatever s is: that many rows with small errors are no accident.
EASY_SHARE = 0.2


@dataclass(frozen=True)
class BarredSet(ActiveSet):
    """An active set that remembers its cycle.

    Parameters
    ----------
    bar : float, default=0.0
        The squared error of the outputs under which a row is easy; of the last epoch on all rows.
    n_held : int, default=0
        Epochs of the cycle after which no row was dropped.
    """

    bar: float = 0.0
    n_held: int = 0


def begin(active: ActiveSet, epoch: EpochErrors) -> BarredSet:
    """Return the active set with its memory; a new bar if the epoch was on all rows."""
    if isinstance(active, BarredSet) and active.index.shape[0] < epoch.n_samples:
        return active
    return BarredSet(active.index, bar=bar_of(output_errors_of(epoch)))


def output_errors_of(epoch: EpochErrors) -> OutputErrors:
    """Return the squared errors of the outputs; raise ValueError if some are not there."""
    if epoch.output is None:
        raise ValueError("t='auto' needs the squared errors of the outputs, however: output=None.")
    return epoch.output


def bar_of(output: OutputErrors) -> float:
    """Return a fraction of the mean error, or of the median, which huge errors do not move."""
    if output.is_bounded:
        return BAR * mean(output.error, output.weight)
    return BAR_OF_MEDIAN * median(output.error, output.weight)


def mean(values: Tensor, weight: Tensor | None) -> float:
    """Return the weighted mean."""
    if weight is None:
        return float(values.mean(dtype=torch.float64))
    weight = weight.to(torch.float64)
    return float(torch.dot(values.to(weight), weight) / weight.sum())


def median(values: Tensor, weight: Tensor | None) -> float:
    """Return the weighted median, the lower of two."""
    if weight is None:
        return float(order_statistic(values, (values.shape[0] - 1) // 2))
    ascending, order = values.sort()
    below = weight[order].cumsum(0)
    return float(ascending[torch.searchsorted(below, below[-1] / 2)])


def enough_are_easy(active: BarredSet, error: Tensor, n_dropped: int) -> bool:
    """Return whether so many active rows are easy that `n_dropped` of them may leave."""
    n_easy = int((error < active.bar).sum())
    return n_easy >= max(n_dropped, EASY_SHARE * active.index.shape[0])


def least_rows_left(epoch: EpochErrors) -> float:
    """Return how many rows a shrink step must leave."""
    return max(LEAST_SHARE * epoch.n_samples, epoch.batch_size)
