"""Dropout by masks of bytes.

Random numbers cost more than all else in a net with dropout, if they are drawn one a unit. Here
eight units share a random word: a unit is dropped if its byte is under 256 p. So p is rounded to a
multiple of 1/256, and what is kept is scaled by what the rounded p asks for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...modules._random import current_generator
from ._layer import Layer
from ._workspace import Workspace

# Added to a unit that is dropped before an activation: value and derivative are then exactly 0.
DROPPED = -1e4


def level_of(module: nn.Dropout) -> int:
    """Return under which byte a unit is dropped."""
    return round(module.p * 256)


class Dropout(Layer):
    """Drops units; the scale of those kept is for another layer to apply.

    Parameters
    ----------
    module : nn.Dropout
        The layer.
    before_activation : bool
        Whether an activation follows that vanishes at minus infinity.
    is_first : bool, default=False
        Whether what goes in must not be overwritten.
    """

    def __init__(
        self, module: nn.Dropout, *, before_activation: bool, is_first: bool = False
    ) -> None:
        self.level = level_of(module)
        self.scale = 256 / (256 - self.level)
        self.before_activation, self.is_first = before_activation, is_first

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers; see :class:`Layer`."""
        self.copy = work.buffer(width) if self.is_first else None
        n_units = work.n_rows * width
        # Whole words; the mask is a view of as many bytes as there are units.
        self.words = torch.zeros(-(-n_units // 8), dtype=torch.int64, device=work.like.device)
        self.bytes = self.words.view(torch.uint8)
        self.mask = self.bytes[:n_units].view(work.n_rows, width)
        return width

    def forward(self, x: Tensor) -> Tensor:
        """Return the batch with units dropped."""
        n = x.shape[0]
        if self.copy is not None:
            x = self.copy.rows(n).copy_(x)
        self.words.random_(-(2**63), None, generator=current_generator())
        mask = self.mask if n == self.mask.shape[0] else self.mask[:n]
        if self.before_activation:
            self.bytes.lt_(self.level)
            return torch.add(x, mask, alpha=DROPPED, out=x)
        self.bytes.ge_(self.level)
        return x.mul_(mask)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient, of units dropped 0."""
        if self.before_activation:
            return gradient
        return gradient.mul_(self.mask[: gradient.shape[0]])


class Scale(Layer):
    """Multiplies by a number: the scale of a dropout that no linear layer follows.

    Parameters
    ----------
    factor : float
        The number.
    """

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Return the width; see :class:`Layer`."""
        self.buffer = work.buffer(width)
        return width

    def forward(self, x: Tensor) -> Tensor:
        """Return the batch times the factor."""
        return torch.mul(x, self.factor, out=self.buffer.rows(x.shape[0]))

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient times the factor."""
        return gradient.mul_(self.factor)
