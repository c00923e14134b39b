"""What AutoRecall remembers from epoch to epoch: the bar, and a sample of the rows left out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from ._bar import LOWEST_BAR, bar_of, weight_of_visits
from ._base import ActiveSet, EpochReport
from ._select import rows_where

# Size of the sample: this share of the rows left out, and no more rows than this.
SAMPLE_SHARE = 0.1
SAMPLE_ROWS = 256
# This share of the sample must still be easy. On clean sets more of it is; where noise was learnt
# by heart, less. With 0.7 a convolutional net on CIFAR-10 never recalls in 8 visits a row, and ends
# worse than one trained on all rows.
STILL_EASY = 0.85


@dataclass(frozen=True)
class AutoRecallSet(ActiveSet):
    """An active set that remembers its cycle: what happened since the last epoch on all rows.

    Parameters
    ----------
    bar : float, default=0.0
        The squared error of the outputs under which a row is easy.
    sample : Tensor of shape (n_sampled,) or None, default=None
        Rows of `index` that are active for this epoch only, to stand for those left out; sorted.
    n_held : int, default=0
        Epochs of the cycle after which no row was dropped.
    bar_scale : float, default=1.0
        Factor of the bar, at most 1: halved by a cycle that dropped rows too early.
    """

    bar: float = 0.0
    sample: Tensor | None = None
    n_held: int = 0
    bar_scale: float = 1.0

    def with_rows(self, index: Tensor) -> AutoRecallSet:
        """Return as many other rows, as many of them as the sample."""
        at = None if self.sample is None else torch.searchsorted(self.index, self.sample)
        return replace(super().with_rows(index), sample=None if at is None else index[at])

    def core(self) -> Tensor:
        """Return the rows that are active for their own sake, not as a sample."""
        if self.sample is None:
            return self.index
        return self.index[~torch.isin(self.index, self.sample)]


def with_bar(active: ActiveSet, report: EpochReport, error: Tensor) -> AutoRecallSet:
    """Return the active set with the bar that the output errors of the epoch make."""
    memory = active if isinstance(active, AutoRecallSet) else None
    bounded = report.bounded_outputs
    if memory is None or active.index.shape[0] == report.n_samples:
        scale = 1.0 if memory is None else memory.bar_scale
        bar = scale * bar_of(error, report.sample_weight, bounded)
        return AutoRecallSet(active.index, bar=bar, bar_scale=scale)
    if memory.sample is None:
        return memory
    n_core = active.index.shape[0] - memory.sample.shape[0]
    weight = weight_of_visits(report, n_core, memory.sample)
    bar = max(memory.bar_scale * bar_of(error, weight, bounded), LOWEST_BAR if bounded else 0)
    return replace(memory, bar=min(memory.bar, bar))


def still_easy(now: AutoRecallSet, error_of_row: Tensor) -> bool:
    """Return whether the rows left out are, by their sample, still easy."""
    if now.sample is None or not now.sample.shape[0]:
        return True
    easy = error_of_row[now.sample] < now.bar
    return float(easy.sum()) >= STILL_EASY * easy.shape[0]


def everything(now: AutoRecallSet, n_samples: int, bar_scale: float) -> AutoRecallSet:
    """Return all rows, for a new cycle."""
    index = torch.arange(n_samples, device=now.index.device)
    return AutoRecallSet(index, bar_scale=min(1.0, bar_scale))


def with_sample(
    now: AutoRecallSet, core: Tensor, n_samples: int, generator: Generator
) -> AutoRecallSet:
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
