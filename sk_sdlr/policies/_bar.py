"""The bar: the squared error of the outputs under which :class:`AutoRecall` calls a row easy.

Where outputs are probabilities the bar is an eighth of the mean error. In two classes a row is then
easy if the probability of its own class is p > 1 - sqrt(bar). A model no worse than a constant one
has a mean error of at most 1/4, so that sqrt(bar) <= 0.18 and p > 0.82. To leave such rows out is
to train with a loss that is flat from there on, as the hinge loss is; the best class stays the best
as long as sqrt(bar) < 1/2. Where classes overlap few rows are that certain, and all rows stay.

Where outputs are numbers a row may be predicted well by chance, and a few huge errors would move a
mean. So the bar is a tenth of the median: under it lie 16 % of the errors if the residuals are
uniform noise, 17 % if normal, 20 % if Laplace's, 19 % if Cauchy's. That is no more than the fifth
of the rows that must be easy before any is dropped.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ._base import EpochReport
from ._select import order_statistic

BAR_OF_MEAN = 1 / 8
BAR_OF_MEDIAN = 1 / 10
# While rows are left out the bar falls no further than this. At it p > 0.9 in two classes: such a
# row is learnt, however much better the net has become at others.
LOWEST_BAR = 0.01


def bar_of(error: Tensor, weight: Tensor | None, bounded_outputs: bool) -> float:
    """Return the bar by errors of the outputs.

    Parameters
    ----------
    error : Tensor of shape (n_visited,)
        Squared errors of the outputs.
    weight : Tensor of shape (n_visited,) or None
        How many rows each of them stands for; None means 1 for all.
    bounded_outputs : bool
        Whether the outputs are probabilities.

    Returns
    -------
    bar : float
        A share of the mean of the errors, or of their median.
    """
    if bounded_outputs:
        return BAR_OF_MEAN * mean(error, weight)
    return BAR_OF_MEDIAN * median(error, weight)


def weight_of_visits(report: EpochReport, n_core: int, sample: Tensor) -> Tensor:
    """Return the weights with which the rows visited stand for all rows of the training set.

    Parameters
    ----------
    report : EpochReport
        The epoch.
    n_core : int
        How many rows are active for their own sake.
    sample : Tensor of shape (n_sampled,)
        The rows visited that stand for all others.

    Returns
    -------
    weight : Tensor of shape (n_visited,), float64
        1 for a row of the core, more for a row of the sample, times the weight of the sample.
    """
    stands_for = (report.n_samples - n_core) / sample.shape[0]
    weight = sample.new_ones(report.n_samples, dtype=torch.float64)
    weight = weight.index_fill_(0, sample, stands_for).index_select(0, report.index)
    given = report.sample_weight
    return weight if given is None else weight.mul_(given)


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
