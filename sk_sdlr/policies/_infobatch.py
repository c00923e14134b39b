"""InfoBatch: some of the well-learnt rows are left out, the others count for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator

from ._base import ActiveSet, EpochReport, Policy
from ._checks import check_parameter, is_share
from ._select import check_finite, rows_where


@dataclass
class InfoBatch(Policy):
    """Leave out random rows of low error and weigh the other rows of low error up.

    After each epoch the mean of the last known errors of all rows is the bar. Of the rows under
    it, a random share `r` is left out of the next epoch, and the errors of the others are
    multiplied so that the expected gradient of the epoch is that of all rows. The choice is a
    fresh one after each epoch, from all rows: who is left out keeps the last known error and may
    come back at any time.

    Parameters
    ----------
    r : float, default=0.5
        Share of the rows under the bar that is left out, in [0, 1); ``int(r * n_low)`` of `n_low`
        rows. 0 is ordinary training.
    delta : float, default=0.875
        Share of the run after which all rows are visited with weight 1, in (0, 1]. 1: never.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    TypeError
        If a parameter is not a number.

    Notes
    -----
    Cost: O(n) an epoch, without sorting.

    The weights of an epoch sum to the number of rows. It has fewer steps than an epoch over all
    rows, and the expected gradient of each is longer by the same factor (Eq. 9); an optimizer that
    scales gradients to one length, as Adam does, undoes that.

    References
    ----------
    .. [1] Z. Qin et al., "InfoBatch: Lossless Training Speed Up by Unbiased Dynamic Data Pruning",
       ICLR 2024. Section 2.3, Eqs. 3, 4 and 7 (choice, errors and weights); Section 2.4, Eq. 10
       (the last epochs).

    Examples
    --------
    Of three rows under the mean error of 3 one is left out, and two count for three:

    >>> import torch
    >>> from sk_sdlr.policies import EpochReport, InfoBatch
    >>> policy, error = InfoBatch(r=0.5), torch.tensor([0.0, 1.0, 2.0, 9.0])
    >>> active = policy.start(4)
    >>> report = EpochReport(active.index, error, 2, 1, 0.1, error)
    >>> active = policy.update(active, report, generator=torch.Generator())
    >>> active.weight, active.threshold
    (tensor([1.5000, 1.5000, 1.0000]), 3.0)
    """

    r: float = 0.5
    delta: float = 0.875

    is_weighted: ClassVar[bool] = True

    def _check(self) -> None:
        check_parameter(self, "r", "a number in the range [0, 1)", fits=is_share)
        allowed = "a number in the range (0, 1]"
        check_parameter(self, "delta", allowed, fits=lambda delta: 0 < float(delta) <= 1)

    def update(self, active: ActiveSet, report: EpochReport, *, generator: Generator) -> ActiveSet:
        """Return the rows of the next epoch and their weights; see :meth:`Policy.update`."""
        if report.progress >= self.delta or self.r == 0:
            return self.start(report.n_samples)
        error, bar = report.last_error, _bar(report)
        # A row that was never visited has no error yet; it is not under the bar.
        low = rows_where(error < bar)
        n_low = low.shape[0]
        # NOTE[DIFF]: the paper leaves each row out by a draw of its own, and multiplies by
        # 1 / (1 - r). A fixed number of rows leaves at least one, and makes the weights of each
        # single epoch, not only their expectation, sum to the number of rows.
        n_out = int(float(self.r) * n_low)
        if n_out == 0:
            return self.start(report.n_samples)
        out = torch.randperm(n_low, generator=generator)[:n_out].to(low.device)
        weight = torch.ones_like(error)
        weight.index_fill_(0, low, n_low / (n_low - n_out))
        weight.index_fill_(0, low.index_select(0, out), 0)
        kept = rows_where(weight > 0)
        return ActiveSet(kept, weight.index_select(0, kept), threshold=bar)


def _bar(report: EpochReport) -> float:
    """Return the mean of the last known errors."""
    # NOTE[DIFF]: of the known ones. The paper gives 1 to rows that were not visited yet, which has
    # no meaning on the scale of other losses.
    check_finite(report.error)
    known = rows_where(~report.last_error.isnan())
    error = report.last_error.index_select(0, known)
    check_finite(error)
    # A rounded mean of equal errors can come out above all of them.
    return min(float(error.mean(dtype=torch.float64)), float(error.amax()))
