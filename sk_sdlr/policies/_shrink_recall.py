"""Shrinking deep learning, with recall (sDLr) and without (sDL)."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

from torch import Generator, Tensor

from ._base import ActiveSet, EpochReport, Policy
from ._checks import check_parameter, is_share
from ._select import check_finite, drop_by_batch, drop_lowest


@dataclass
class ShrinkRecall(Policy):
    """Drop the rows of lowest error after each epoch; recall all once few are left.

    After an epoch on ``n_active`` rows the share `s` of them that has the lowest errors leaves the
    active set if ``n_active >= t``; otherwise all rows come back (Algorithm 3). With
    ``recall=False`` none ever do (Algorithm 2).

    Parameters
    ----------
    s : float, default=0.2
        Elimination rate: the share of the active rows that is dropped an epoch, in [0, 1). 0 is
        ordinary training.
    t : int or float, default=0.2
        Stop threshold: a count of rows (int, at least 1) or a share of the training set (float, in
        (0, 1]). :class:`AutoRecall` is the policy that does without.
    alpha : float or None, default=0.5
        Weight of the past in the exponential smoothing of the batches' thresholds, in [0, 1)
        (Eq. 9). The share that leaves is then `s` only nearly: ``int(s * batch_size)`` rows a
        batch before the smoothing, more or less after it. None: the exact `s`-quantile of the
        whole epoch, ``int(s * n_active)`` rows, among equal errors the lower row numbers.
    recall : bool, default=True
        Whether all rows come back (sDLr) or not (sDL).

    Raises
    ------
    ValueError
        If a parameter is out of its range. In `update`: if errors are NaN or infinite.
    TypeError
        If a parameter is of the wrong type.

    Notes
    -----
    Rows are ranked by the errors that are trained on, weights of the samples included.

    Cost: O(n) an epoch, on the errors that the training pass produced anyway. Elimination takes
    effect in the next epoch only, so Eq. 9 needs no work inside the batch loop: thresholds of all
    batches, their smoothing and the mask are computed at the end of the epoch.

    References
    ----------
    .. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall",
       2016. Algorithms 2 and 3, Eq. 9.

    Examples
    --------
    Sizes of the active set do not depend on the errors:

    >>> import torch
    >>> from sk_sdlr.policies import EpochReport, ShrinkRecall
    >>> policy, error = ShrinkRecall(s=0.2, t=0.2, alpha=None), torch.rand(1000)
    >>> active, sizes = policy.start(1000), []
    >>> for epoch in range(1, 11):
    ...     rows = active.index
    ...     sizes.append(len(rows))
    ...     report = EpochReport(rows, error[rows], 10, epoch, epoch / 10, error)
    ...     active = policy.update(active, report, generator=torch.Generator())
    >>> sizes
    [1000, 800, 640, 512, 410, 328, 263, 211, 169, 1000]
    """

    s: float = 0.2
    t: int | float = 0.2
    alpha: float | None = 0.5
    recall: bool = True

    def _check(self) -> None:
        check_parameter(self, "s", "a number in the range [0, 1)", fits=is_share)
        allowed = "an int in the range [1, inf) or a float in the range (0, 1]"
        if isinstance(self.t, str):
            allowed += "; AutoRecall is the policy that needs none"
        check_parameter(self, "t", allowed, fits=_is_count_or_share)
        if self.alpha is not None:
            check_parameter(self, "alpha", "None or a number in the range [0, 1)", fits=is_share)
        check_parameter(self, "recall", "an instance of 'bool'", bool)

    def update(self, active: ActiveSet, report: EpochReport, *, generator: Generator) -> ActiveSet:
        """Return the rows of the next epoch; see :meth:`Policy.update`."""
        n_active, n_samples = active.index.shape[0], report.n_samples
        limit = self.t if isinstance(self.t, Integral) else float(self.t) * n_samples
        if n_active >= limit and int(self.s * n_active) > 0:
            kept, threshold = self._shrink(active, report)
            if kept.shape[0] < n_active:
                return ActiveSet(kept, threshold=threshold)
        # NOTE[DIFF]: also when n_active is so small that s makes less than one row; Algorithm 3
        # would train on these few hardest rows for ever.
        return self.start(n_samples) if self.recall else ActiveSet(active.index)

    def _shrink(self, active: ActiveSet, report: EpochReport) -> tuple[Tensor, float]:
        """Return the rows that stay, and the error under which the others were."""
        if self.alpha is None:
            error = report.last_error.index_select(0, active.index)
            check_finite(error)
            return drop_lowest(active.index, error, int(self.s * error.shape[0]))
        check_finite(report.error)
        return drop_by_batch(
            active.index,
            report.index,
            report.error,
            report.n_samples,
            batch_size=report.batch_size,
            s=self.s,
            alpha=self.alpha,
        )


def _is_count_or_share(t: Any) -> bool:
    return int(t) >= 1 if isinstance(t, Integral) else 0 < float(t) <= 1
