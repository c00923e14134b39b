"""Dropout whose masks come from the generator of the run."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._checks import check_dropout
from ._random import current_generator


class Dropout(nn.Dropout):
    """Zeros drawn by the current generator; from the same state, on a CPU, torch's own bits.

    Parameters
    ----------
    p : float, default=0.5
        Probability of a value to be dropped, in [0, 1).

    Raises
    ------
    ValueError
        If `p` is out of its range.
    """

    def __init__(self, p: float = 0.5) -> None:
        check_dropout("Dropout", "p", p)
        super().__init__(float(p))

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, in training with zeros in it and the rest divided by 1 - p."""
        if not self.training or not self.p:
            return input
        kept = 1 - self.p
        # Of the type of the input: a mask of bools takes as long to draw, and longer to multiply.
        mask = torch.empty_like(input).bernoulli_(kept, generator=current_generator())
        return input * mask.div_(kept)
