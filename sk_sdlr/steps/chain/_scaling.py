"""One weight a feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...modules import Scaling
from ._layer import Layer
from ._linear import Linear
from ._workspace import Workspace


class ScalingLayer(Layer):
    """Multiplies each column by a weight.

    Parameters
    ----------
    module : Scaling
        The layer.
    is_first : bool
        Whether nobody wants the gradient of what goes in.
    """

    def __init__(self, module: Scaling, *, is_first: bool) -> None:
        self.module, self.parameters, self.is_first = module, [module.weight], is_first

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers; see :class:`Layer`."""
        (self.weight,), (self.weight_gradient,) = values, gradients
        self.output, self.product = work.buffer(width), work.buffer(width)
        return width

    def forward(self, x: Tensor) -> Tensor:
        """Return the batch times the weights."""
        self.input = x
        return torch.mul(x, self.weight, out=self.output.rows(x.shape[0]))

    def backward(self, gradient: Tensor) -> Tensor:
        """Note the gradient of the weights; return that of the input."""
        product = torch.mul(gradient, self.input, out=self.product.rows(gradient.shape[0]))
        torch.sum(product, 0, out=self.weight_gradient)
        return gradient if self.is_first else gradient.mul_(self.weight)


class ScaledLinear(Linear):
    """A scaling and the linear layer after it: (x s) W' + b = x (s W)' + b.

    W has fewer entries than the batch, and the gradient of s needs no product of its own: with G
    that of s W, the gradient of W is s G, and that of s the sum of the columns of W G.

    Parameters
    ----------
    scaling : Scaling
        The weights of the features.
    module : nn.Linear
        The layer.
    **params : dict
        See :class:`Linear`.
    """

    def __init__(self, scaling: Scaling, module: nn.Linear, **params: Any) -> None:
        super().__init__(module, **params)
        self.parameters, self.products = [*self.parameters, scaling.weight], []

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers; see :class:`Layer`."""
        self.unscaled, self.features = values[0], values[-1]
        self.unscaled_gradient, self.features_gradient = gradients[0], gradients[-1]
        scaled, scaled_gradient = (
            torch.empty_like(values[0]),
            values[0].new_empty(values[0].shape[::-1]).t(),
        )
        return super().bind(
            work, width, [scaled, *values[1:-1]], [scaled_gradient, *gradients[1:-1]]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (x s) W' + b."""
        torch.mul(self.unscaled, self.features, out=self.weight)
        return super().forward(x)

    def backward(self, gradient: Tensor) -> Tensor:
        """Note the gradients; return that of the input."""
        below = super().backward(gradient)
        torch.mul(self.weight_gradient, self.features, out=self.unscaled_gradient)
        torch.sum(self.weight_gradient.mul_(self.unscaled), 0, out=self.features_gradient)
        return below
