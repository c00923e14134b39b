"""AutoRecall: leave easy rows out, and recall all rows once those left out are not easy any more.

A row is *easy* if the squared error of its outputs lies under the *bar* (see ``_bar.py``). The bar
is set after an epoch on all rows. While rows are left out, each epoch also visits a small random
*sample* of them, which tells how the others do. After any epoch::

    if more than 15 % of the sample are not easy:
        recall all rows; halve the scale of the bar
    elif enough of the active rows are easy (as many as would leave, and at least a fifth):
        drop the share s of lowest error
        but if fewer than 2 % of all rows, or than 20 batches, would be left:
            recall all rows; if any were left out, double the scale of the bar, up to 1
    elif no rows are left out:
        go on with all rows
    elif fewer than 12 epochs were held since the last recall:
        hold: train on the same rows again
    else:
        recall all rows; double the scale of the bar, up to 1

Why a sample: rows that the net knows by heart look easy, but often do not stay so once they are
left out. If too many of the sample have become hard, the last cycle dropped rows too early, and the
next one has to be stricter: its bar is half as high. A cycle that ends well takes that back.

Why the bar falls: a row that was easy by the standard of an early epoch may lag behind what the net
has become. So while rows are left out the bar follows the error of all rows down, as the active
rows and the sample estimate it. It never rises before the next epoch on all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from ._auto_recall_set import AutoRecallSet, everything, still_easy, with_bar, with_sample
from ._base import OUTPUT_ERROR, ActiveSet, EpochReport, Policy
from ._checks import check_parameter, is_share, signal_of
from ._select import check_finite, drop_by_batch, drop_lowest

# This share of the active rows must be easy before any is dropped, however small s is: so many
# small errors are no accident.
EASY_SHARE = 0.2
# Epochs of a cycle that may pass without a drop. Holding saves epochs on all rows; 6 and 24 do
# nearly as well.
HOLD = 12
# So much must be left: fewer rows miss whole classes or corners, fewer batches are no epoch.
MIN_SHARE = 0.02
MIN_BATCHES = 20


@dataclass
class AutoRecall(Policy):
    """Drop easy rows after each epoch; recall all rows once the rows left out are no longer easy.

    It needs no stop threshold, and on data on which no row is easy it is ordinary training. A row
    is easy if the squared error of its outputs lies under a bar, an eighth of the mean of these
    errors. The share `s` of the active rows that has the lowest errors leaves if all of it is easy.
    If it is not, the set is held for some epochs, then all rows come back. They come back at once
    if a random sample of the rows left out says that these are not easy any more.

    Parameters
    ----------
    s : float, default=0.2
        Elimination rate: the share of the active rows that is dropped an epoch, in [0, 1). 0 is
        ordinary training.
    alpha : float or None, default=0.5
        Weight of the past in the exponential smoothing of the batches' thresholds, in [0, 1)
        (Eq. 9 of [1]_). About the share `s` leaves then, of rows that are easy only. None: exactly
        ``int(s * n_active)`` rows leave, among equal errors the lower row numbers.

    Raises
    ------
    ValueError
        If a parameter is out of its range. In `update`: if errors are NaN or infinite, or if there
        are none of the outputs.
    TypeError
        If a parameter is of the wrong type.

    Notes
    -----
    The rule is this package's own. Rows are dropped only if the ``int(s * n_active)`` rows to drop
    and a fifth of the active rows are easy, and if 20 batches and 2 % of all rows would be left.
    Else the set is held, at most 12 epochs between two recalls. The sample is at most 256 rows and
    a tenth of those left out, a new one each epoch. All rows come back if more than 15 % of it are
    not easy; the bar of the next cycle is then half as high. While rows are left out the bar falls
    with the mean error of all rows, as the rows visited estimate it, though not below 0.01.

    Where outputs are not probabilities, as in regression, the bar is a tenth of the median error:
    a few huge errors do not move it, and if the residuals are noise of one kind no more than a
    fifth of the rows lie under it.

    Errors of the outputs are half the squared difference of probabilities and targets, whatever
    the training loss; for a loss that is not known, the loss itself. Rows are ranked by them
    without the weights of the samples; mean and median are weighted.

    Cost: O(n) an epoch, on errors that the training pass produced anyway.

    References
    ----------
    .. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall",
       2016. Algorithm 3, Eq. 9.

    Examples
    --------
    Sizes of the active set, if errors stay as they are. Of the first rows too few are easy. Of the
    next ones enough are for three steps, after which the set is held; the sample counts among the
    active rows:

    >>> import torch
    >>> from sk_sdlr.policies import AutoRecall, EpochReport
    >>> def sizes(policy, error):
    ...     active, sizes = policy.start(len(error)), []
    ...     for epoch in range(1, 11):
    ...         rows = active.index
    ...         sizes.append(len(rows))
    ...         signals = {"output_error": error[rows]}
    ...         report = EpochReport(rows, error[rows], 10, epoch, epoch / 10, error, signals)
    ...         active = policy.update(active, report, generator=torch.Generator())
    ...     return sizes
    >>> even = torch.linspace(0, 1, 1000)
    >>> sizes(AutoRecall(alpha=None), even)
    [1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000]
    >>> sizes(AutoRecall(alpha=None), even**8)
    [1000, 820, 674, 559, 559, 559, 559, 559, 559, 559]
    """

    s: float = 0.2
    alpha: float | None = 0.5

    needs: ClassVar[frozenset[str]] = frozenset({OUTPUT_ERROR})

    def _check(self) -> None:
        check_parameter(self, "s", "a number in the range [0, 1)", fits=is_share)
        if self.alpha is not None:
            check_parameter(self, "alpha", "None or a number in the range [0, 1)", fits=is_share)

    def update(self, active: ActiveSet, report: EpochReport, *, generator: Generator) -> ActiveSet:
        """Return the rows of the next epoch; see :meth:`Policy.update`."""
        error, n_samples = signal_of(self, report, OUTPUT_ERROR), report.n_samples
        check_finite(error)
        now = with_bar(active, report, error)
        core = now.core()
        is_all, n_dropped = core.shape[0] == n_samples, int(self.s * core.shape[0])
        if is_all and not enough_are_easy(error, now.bar, n_dropped, n_samples):
            return now
        # Rows that were not visited, as the epoch was cut short, are not easy.
        of_row = error.new_full((n_samples,), inf).index_copy_(0, report.index, error)
        if not still_easy(now, of_row):
            return everything(now, n_samples, now.bar_scale / 2)
        if n_dropped and enough_are_easy(of_row[core], now.bar, n_dropped, core.shape[0]):
            kept, threshold = self._drop(now, core, of_row, report)
            if min_rows_left(report) <= kept.shape[0] < core.shape[0]:
                return with_sample(replace(now, threshold=threshold), kept, n_samples, generator)
        elif not is_all and now.n_held < HOLD:
            held = replace(now, threshold=None, n_held=now.n_held + 1)
            return with_sample(held, core, n_samples, generator)
        return everything(now, n_samples, now.bar_scale if is_all else 2 * now.bar_scale)

    def make_active_set(self, state: Mapping[str, Any]) -> ActiveSet:
        """Return an active set that was stored; see :meth:`Policy.make_active_set`."""
        has_memory = "bar" in state  # what `start` returns has none
        return (AutoRecallSet if has_memory else ActiveSet).from_state_dict(state)

    def _drop(
        self, now: AutoRecallSet, core: Tensor, error_of_row: Tensor, report: EpochReport
    ) -> tuple[Tensor, float]:
        """Return the rows of `core` that stay, and the error under which the others were."""
        if self.alpha is None:
            return drop_lowest(core, error_of_row[core], int(self.s * core.shape[0]))
        visited = report.index
        if now.sample is not None:
            visited = visited[~torch.isin(visited, now.sample)]
        return drop_by_batch(
            core,
            visited,
            error_of_row[visited],
            report.n_samples,
            batch_size=report.batch_size,
            s=self.s,
            alpha=self.alpha,
            at_most=now.bar,
        )


def enough_are_easy(error: Tensor, bar: float, n_dropped: int, n_active: int) -> bool:
    """Return whether so many rows are easy that `n_dropped` of them may leave."""
    return int((error < bar).sum()) >= max(n_dropped, EASY_SHARE * n_active)


def min_rows_left(report: EpochReport) -> float:
    """Return how many rows a drop must leave."""
    return max(MIN_SHARE * report.n_samples, MIN_BATCHES * report.batch_size)
