"""What an epoch leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Visited:
    """The rows of an epoch, in the order in which they were visited.

    Parameters
    ----------
    index : Tensor of shape (n_visited,), int64
        Row numbers.
    error : Tensor of shape (n_visited,)
        Their losses, times the weights of the samples.
    signals : mapping of str to Tensor of shape (n_visited,)
        What the policy needs beside them.
    sample_weight : Tensor of shape (n_visited,) or None, default=None
        Weights of the samples.
    """

    index: Tensor
    error: Tensor
    signals: Mapping[str, Tensor] = field(default_factory=dict)
    sample_weight: Tensor | None = None
