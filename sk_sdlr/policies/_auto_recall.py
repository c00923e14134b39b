"""A recall threshold that finds itself: shrink while rows are easy, recall when they no longer are.

After an epoch on all rows the *bar* is set, at an eighth of the mean squared error of the outputs.
A row under it is easy. While rows are left out, each epoch also visits a small *sample* of them,
which stands for them: it says whether they are easy still, and what the mean error of all rows has
come down to, and the bar with it. After any epoch::

    if > 15 % of the sample are not easy: recall, and halve the next bar
    elif s of the active rows, and a fifth of them at least, are easy:
                                          drop s of them, those of lowest error;
                                          if too few would be left: recall
    elif rows are left out:               hold: train on again, `HOLD` epochs in a cycle at most
    otherwise:                            recall

A row of a class is easy once the probability of its class is high, p > 1 - sqrt(bar). To leave such
rows out is to train with a loss that is flat from there on, like the margin of a support vector
machine, and its optimum has the same class on top as long as sqrt(bar) < 1 / 2. A model that is no
worse than a constant one has a mean error of at most 1/4 in two classes, so sqrt(bar) <= 0.18.
Where classes overlap there are not enough rows that certain, and all rows stay. Rows that the net
knows by heart look easy too, but often do not stay so when they are left out: the sample tells.
It also tells when the net has moved on. Rows that were easy by the standard of an early epoch, and
of which it is not certain, p < 0.9, are recalled once they lag behind what it has become, rather
than left out for the rest of a short run.

A number may be predicted well by chance. So where outputs are not probabilities the bar is a tenth
of the median: under it lie 16 % of uniform errors, 17 % of normal ones, 20 % of Laplace's and 19 %
of Cauchy's. Rows are easy only where more errors are small than noise of one kind would make.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from ._base import ActiveSet, EpochErrors, OutputErrors, order_statistic, rows_where

BAR = 1 / 8  # of the mean
BAR_OF_MEDIAN = 1 / 10
# Holding saves passes over all rows; 6 and 24 epochs do nearly as well.
HOLD = 12
# The bar of a cycle falls no further than this, at which p > 0.9 in two classes: such a row is
# learnt, however much better the net has become at others.
LEARNT = 0.01
# Whatever s is: that many rows with small errors are no accident.
EASY_SHARE = 0.2
# So many rows of the sample stay easy on clean sets, fewer where noise was learnt by heart. With
# 0.7 a convolutional net on CIFAR-10 never recalls in 8 visits, and ends behind all rows.
STILL_EASY = 0.85
SAMPLE_ROWS = 256
SAMPLE_SHARE = 0.1
# Recall before so few are left that whole classes or corners are no longer among them, or that an
# epoch is but a few updates.
LEAST_SHARE = 0.02
LEAST_BATCHES = 20


@dataclass(frozen=True)
class BarredSet(ActiveSet):
    """An active set that remembers its cycle.

    Parameters
    ----------
    bar : float, default=0.0
        The squared error of the outputs under which a row is easy; the lowest since the last epoch
        on all rows.
    sample : Tensor of shape (n_sampled,) or None, default=None
        Rows among the active ones that are left out but for this epoch; sorted.
    n_held : int, default=0
        Epochs of the cycle after which no row was dropped.
    caution : float, default=1.0
        The factor of the next bar, at most 1.
    """

    bar: float = 0.0
    sample: Tensor | None = None
    n_held: int = 0
    caution: float = 1.0

    def to(self, device: str | torch.device) -> BarredSet:
        """Return the set with its tensors on this device."""
        sample = None if self.sample is None else self.sample.to(device)
        return replace(super().to(device), sample=sample)

    def with_rows(self, index: Tensor) -> BarredSet:
        """Return as many other rows, as many of them as the sample."""
        at = None if self.sample is None else torch.searchsorted(self.index, self.sample)
        return replace(super().with_rows(index), sample=None if at is None else index[at])

    def without_sample(self) -> Tensor:
        """Return the rows that are active for their own sake."""
        if self.sample is None:
            return self.index
        return self.index[~torch.isin(self.index, self.sample)]


def begin(active: ActiveSet, epoch: EpochErrors) -> BarredSet:
    """Return the active set with its memory, and the bar that the errors of the epoch make."""
    output = output_errors_of(epoch)
    now = active if isinstance(active, BarredSet) else BarredSet(active.index)
    if isinstance(active, BarredSet) and active.index.shape[0] < epoch.n_samples:
        if now.sample is None:
            return now
        output = replace(output, weight=weights_of_all(now, now.sample, epoch))
        estimate = now.caution * bar_of(output)
        return replace(now, bar=min(now.bar, max(estimate, LEARNT if output.is_bounded else 0)))
    return BarredSet(now.index, bar=now.caution * bar_of(output), caution=now.caution)


def weights_of_all(now: BarredSet, sample: Tensor, epoch: EpochErrors) -> Tensor:
    """Return the weights with which the rows visited stand for all rows."""
    n_sampled = sample.shape[0]
    n_left_out = epoch.n_samples - (now.index.shape[0] - n_sampled)
    weight = sample.new_ones(epoch.n_samples, dtype=torch.float64)
    weight = weight.index_fill_(0, sample, n_left_out / n_sampled).index_select(0, epoch.index)
    given = output_errors_of(epoch).weight
    return weight if given is None else weight.mul_(given)


def still_easy(now: BarredSet, error_of_row: Tensor) -> bool:
    """Return whether the rows left out are, by their sample, still easy."""
    if now.sample is None or not now.sample.shape[0]:
        return True
    easy = error_of_row[now.sample] < now.bar
    return float(easy.sum()) >= STILL_EASY * easy.shape[0]


def recalled(now: BarredSet, n_samples: int, caution: float) -> BarredSet:
    """Return all rows."""
    index = torch.arange(n_samples, device=now.index.device)
    return BarredSet(index, caution=min(1.0, caution))


def with_sample(now: BarredSet, core: Tensor, n_samples: int, generator: Generator) -> BarredSet:
    """Return these rows, and a new random sample of all others."""
    out = torch.ones(n_samples, dtype=torch.bool, device=core.device)
    out[core] = False
    rows = rows_where(out)
    n_sampled = int(min(SAMPLE_ROWS, SAMPLE_SHARE * rows.shape[0]))
    if not n_sampled:
        return replace(now, index=core, sample=None)
    drawn = torch.randint(rows.shape[0], (n_sampled,), generator=generator)
    sample = torch.unique(rows[drawn.to(rows.device)])
    return replace(now, index=torch.cat([core, sample]).sort().values, sample=sample)


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


def enough_are_easy(error: Tensor, bar: float, n_dropped: int, n_active: int) -> bool:
    """Return whether so many rows are easy that `n_dropped` of them may leave."""
    return int((error < bar).sum()) >= max(n_dropped, EASY_SHARE * n_active)


def least_rows_left(epoch: EpochErrors) -> float:
    """Return how many rows a shrink step must leave."""
    return max(LEAST_SHARE * epoch.n_samples, LEAST_BATCHES * epoch.batch_size)
