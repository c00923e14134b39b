"""The control that every rule has to beat: as many rows, drawn at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Generator

from ._base import ActiveSet, EpochReport, Policy
from ._checks import check_parameter
from ._shrink_recall import ShrinkRecall


@dataclass
class RandomSubset(Policy):
    """Train on as many rows as another policy would, but on random ones.

    Parameters
    ----------
    policy : Policy, default=ShrinkRecall(t=0.2, alpha=None)
        The policy whose sizes are used. Its choice of rows, and its weights, are not. Sizes are
        the same where they do not depend on the errors, as those of the default.

    Raises
    ------
    TypeError
        If `policy` is not a policy.

    Examples
    --------
    >>> from sk_sdlr import ShrinkingDNNClassifier
    >>> from sk_sdlr.policies import RandomSubset, ShrinkRecall
    >>> as_many = ShrinkRecall(s=0.3, t=0.2, alpha=None)
    >>> control = ShrinkingDNNClassifier(policy=RandomSubset(as_many))
    """

    policy: Policy = field(default_factory=lambda: ShrinkRecall(t=0.2, alpha=None))

    def _check(self) -> None:
        check_parameter(self, "policy", "an instance of 'Policy'", Policy)

    @property
    def needs(self) -> frozenset[str]:
        """Names of the signals that the other policy reads."""
        return self.policy.needs

    def start(self, n_samples: int) -> ActiveSet:
        """Return what the other policy starts with, without weights."""
        return replace(self.policy.start(n_samples), weight=None)

    def update(self, active: ActiveSet, report: EpochReport, *, generator: Generator) -> ActiveSet:
        """Return random rows, as many as the other policy would; see :meth:`Policy.update`."""
        wanted = self.policy.update(active, report, generator=generator)
        rows = torch.randperm(report.n_samples, generator=generator)[: wanted.index.shape[0]]
        rows = rows.sort().values.to(wanted.index.device)
        return wanted.with_rows(rows)

    def make_active_set(self, state: Mapping[str, Any]) -> ActiveSet:
        """Return what the other policy makes of it; see :meth:`Policy.make_active_set`."""
        return self.policy.make_active_set(state)
