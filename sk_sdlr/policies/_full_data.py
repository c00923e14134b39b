"""Ordinary training: every epoch visits every row."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Generator

from ._base import ActiveSet, EpochReport, Policy


@dataclass
class FullData(Policy):
    """Train on all rows in every epoch (Algorithm 1).

    References
    ----------
    .. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall",
       2016. Algorithm 1.

    Examples
    --------
    >>> from sk_sdlr.policies import FullData
    >>> FullData().start(3).index
    tensor([0, 1, 2])
    """

    def update(self, active: ActiveSet, report: EpochReport, *, generator: Generator) -> ActiveSet:
        """Return the same rows again; see :meth:`Policy.update`."""
        return active
