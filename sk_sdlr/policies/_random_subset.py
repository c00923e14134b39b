"""The control that every rule has to beat: as many rows, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Generator

from ._base import ActiveSet, EpochErrors, Policy
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
        if not isinstance(self.policy, Policy):
            raise TypeError(f"policy must be a Policy, however: policy={self.policy!r}.")

    @property
    def needs_output_errors(self) -> bool:
        """Whether the other policy reads them."""
        return self.policy.needs_output_errors

    def start(self, n_samples: int) -> ActiveSet:
        """Return what the other policy starts with, without weights."""
        return replace(self.policy.start(n_samples), weight=None)

    def update(self, active: ActiveSet, epoch: EpochErrors, *, generator: Generator) -> ActiveSet:
        """Return random rows, as many as the other policy would; see :meth:`Policy.update`."""
        wanted = self.policy.update(active, epoch, generator=generator)
        rows = torch.randperm(epoch.n_samples, generator=generator)[: wanted.index.shape[0]]
        rows = rows.sort().values.to(wanted.index.device)
        return wanted.with_rows(rows)
