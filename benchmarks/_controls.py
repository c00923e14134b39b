"""The control that each saving has to beat: random rows, in sets of another run's sizes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator

from sk_sdlr.policies import ActiveSet, EpochReport, Policy


@dataclass
class RandomOfSizes(Policy):
    """Random rows, as many an epoch as another run visited.

    Parameters
    ----------
    sizes : tuple of int
        Rows of each epoch; all rows after the last of them.
    """

    sizes: tuple[int, ...] = ()

    def update(self, active: ActiveSet, report: EpochReport, *, generator: Generator) -> ActiveSet:
        """Return random rows; see :meth:`Policy.update`."""
        n = report.n_samples
        size = self.sizes[report.epoch] if report.epoch < len(self.sizes) else n
        return ActiveSet(torch.randperm(n, generator=generator)[:size].sort().values)
