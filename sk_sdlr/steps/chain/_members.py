"""Layers of several members: batched products, and rows split and joined."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from ...modules import JoinMembers, MemberLinear, SplitMembers
from .._bfloat16 import products_of_layer
from ._layer import Layer
from ._linear import BiasGradient, Linear
from ._workspace import Buffer, Workspace

# Outputs of a member below which batched products are slow.
NARROW = 4


class MemberLinearLayer(Layer):
    """x W + b for each member, in one batched product.

    Parameters
    ----------
    module : MemberLinear
        The layer.
    is_first : bool
        Whether nobody wants the gradient of what goes in.
    scale : float, default=1.0
        What the input is multiplied by.
    before_norm : bool, default=False
        Whether a batch norm follows: then the gradient of the bias is 0, but for single rows.
    """

    def __init__(
        self,
        module: MemberLinear,
        *,
        is_first: bool,
        scale: float = 1.0,
        before_norm: bool = False,
    ) -> None:
        self.is_first, self.scale, self.before_norm = is_first, scale, before_norm
        self.parameters = [module.weight, module.bias]
        self.products = [module.weight]

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers; see :class:`Layer`."""
        self.weight, self.bias = values
        self.weight_t = self.weight.mT
        self.weight_gradient = gradients[0]
        self.bias_gradient = BiasGradient(gradients[1].view(-1), before_norm=self.before_norm)
        k, n_inputs, n_outputs = self.weight.shape
        self.in_bfloat16 = products_of_layer(work.n_rows, self.weight) or nullcontext()
        self.output = ByMember(work.buffer(k * n_outputs), k)
        self.input_gradient = None if self.is_first else ByMember(work.buffer(width), k)
        # Products with the rows of a member far apart in memory take a quarter longer.
        self.compact = self.weight.new_zeros(k, work.n_rows, n_inputs)
        return k * n_outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return x W + b."""
        of_members = by_member(x, self.weight.shape[0])
        self.input = self.compact[:, : x.shape[0]].copy_(of_members)
        output, of_members = self.output.rows(x.shape[0])
        with self.in_bfloat16:
            torch.baddbmm(self.bias, self.input, self.weight, alpha=self.scale, out=of_members)
        return output

    def backward(self, gradient: Tensor) -> Tensor:
        """Note the gradients, or make the update if that is all the optimiser would do."""
        self.bias_gradient(gradient)
        with self.in_bfloat16:
            return self._products(gradient)

    def _products(self, gradient: Tensor) -> Tensor:
        below, of_members = gradient, by_member(gradient, self.weight.shape[0])
        if self.input_gradient is not None:
            below, below_of_members = self.input_gradient.rows(gradient.shape[0])
            below_of_members.baddbmm_(of_members, self.weight_t, beta=0, alpha=self.scale)
        if self.direct is None:
            self.weight_gradient.baddbmm_(self.input.mT, of_members, beta=0, alpha=self.scale)
        else:
            decay, rate = self.direct.decay, -self.direct.lr * self.scale
            self.weight.baddbmm_(self.input.mT, of_members, beta=decay, alpha=rate)
        return below


class BlockDiagonalLinear(Linear):
    """The linear layers of members with few outputs each, as one block-diagonal matrix.

    Most of what is multiplied is 0, yet one product is faster than many that are a few columns
    wide.

    Parameters
    ----------
    module : MemberLinear
        The layer.
    **params : dict
        See :class:`Linear`.
    """

    def __init__(self, module: MemberLinear, **params: Any) -> None:
        super().__init__(module, **params)
        self.n_members, self.n_inputs, self.n_outputs = module.weight.shape
        self.products = []

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers; see :class:`Layer`."""
        (self.of_members, bias), (self.gradient_of_members, bias_gradient) = values, gradients
        k, shape = self.n_members, (self.n_members * self.n_outputs, width)
        matrix, gradient = bias.new_zeros(shape), bias.new_zeros(shape)
        self.blocks, self.gradient_blocks = _blocks(matrix, k), _blocks(gradient, k)
        return super().bind(
            work, width, [matrix, bias.view(-1)], [gradient, bias_gradient.view(-1)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return x W + b."""
        self.blocks.copy_(self.of_members)
        return super().forward(x)

    def backward(self, gradient: Tensor) -> Tensor:
        """Note the gradients; return that of the input."""
        below = super().backward(gradient)
        self.gradient_of_members.copy_(self.gradient_blocks)
        return below


class ByMember:
    """A buffer, seen as it is and by member.

    Parameters
    ----------
    buffer : Buffer
        Its columns are those of the members, one after the other.
    n_members : int
        Number of members.
    """

    def __init__(self, buffer: Buffer, n_members: int) -> None:
        self.buffer, self.n_members = buffer, n_members
        self.whole = buffer.tensor, by_member(buffer.tensor, n_members)

    def rows(self, n: int) -> tuple[Tensor, Tensor]:
        """Return the first `n` rows, (n, width) and (n_members, n, width / n_members)."""
        if n == self.buffer.n_rows:
            return self.whole
        rows = self.buffer.rows(n)
        return rows, by_member(rows, self.n_members)


class SplitMembersLayer(Layer):
    """Repeats rows, with factors that each member has of its own.

    Parameters
    ----------
    module : SplitMembers
        The layer.
    is_first : bool
        Whether nobody wants the gradient of what goes in.
    """

    def __init__(self, module: SplitMembers, *, is_first: bool) -> None:
        self.parameters, self.is_first = [module.weight], is_first

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers; see :class:`Layer`."""
        (self.weight,), (self.weight_gradient,) = values, gradients
        n_members = self.weight.shape[0]
        self.below = None if self.is_first else work.buffer(width)
        self.output, self.product = work.buffer(n_members * width), work.buffer(n_members * width)
        work.multiply_rows(n_members)
        return width

    def forward(self, x: Tensor) -> Tensor:
        """Return n_members rows for each."""
        self.input = x.unsqueeze(1)
        output = self.output.rows(x.shape[0]).unflatten(1, self.weight.shape)
        torch.mul(self.input, self.weight, out=output)
        return output.flatten(0, 1)

    def backward(self, gradient: Tensor) -> Tensor:
        """Note the gradient of the factors; return that of the rows."""
        by_sample = gradient.unflatten(0, (-1, self.weight.shape[0]))
        below = gradient
        if self.below is not None:
            below = self.below.rows(by_sample.shape[0])
            product = self.product.rows(by_sample.shape[0]).view(by_sample.shape)
            torch.sum(torch.mul(by_sample, self.weight, out=product), 1, out=below)
        torch.sum(by_sample.mul_(self.input), 0, out=self.weight_gradient)
        return below


class JoinMembersLayer(Layer):
    """Puts the rows of a sample's members side by side; nothing is computed.

    Parameters
    ----------
    module : JoinMembers
        The layer.
    """

    def __init__(self, module: JoinMembers) -> None:
        self.n_members = module.n_members

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Give the rows back; see :class:`Layer`."""
        work.divide_rows(self.n_members)
        return self.n_members * width

    def forward(self, x: Tensor) -> Tensor:
        """Return a row a sample."""
        return x.view(-1, self.n_members * x.shape[1])

    def backward(self, gradient: Tensor) -> Tensor:
        """Return a row a member."""
        return gradient.view(-1, gradient.shape[1] // self.n_members)


def by_member(columns: Tensor, n_members: int) -> Tensor:
    """Return (n, n_members * width) as (n_members, n, width), a view."""
    return columns.view(columns.shape[0], n_members, -1).transpose(0, 1)


def _blocks(matrix: Tensor, n_members: int) -> Tensor:
    """Return the blocks on the diagonal, transposed, (n_members, n_inputs, n_outputs); a view."""
    n_rows, n_columns = matrix.shape
    by_block = matrix.view(n_members, n_rows // n_members, n_members, n_columns // n_members)
    return by_block.diagonal(dim1=0, dim2=2).permute(2, 1, 0)
