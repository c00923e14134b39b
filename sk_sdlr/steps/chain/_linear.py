"""The linear layer: three products a batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .._matmul import add_product_, affine_into, product_into
from ._layer import Layer
from ._parameters import DirectUpdate
from ._workspace import Workspace


class Linear(Layer):
    """x W' + b.

    Parameters
    ----------
    module : nn.Linear
        The layer.
    is_first : bool
        Whether nobody wants the gradient of what goes in.
    scale : float, default=1.0
        What the input is multiplied by: the scale of the dropout before it, at no cost.
    needs_bias_gradient : bool, default=True
        False before a batch norm, where it is 0.
    """

    def __init__(
        self,
        module: nn.Linear,
        *,
        is_first: bool,
        scale: float = 1.0,
        needs_bias_gradient: bool = True,
    ) -> None:
        self.is_first, self.scale = is_first, scale
        self.needs_bias_gradient = needs_bias_gradient and module.bias is not None
        self.parameters = [module.weight] if module.bias is None else [module.weight, module.bias]
        self.direct: DirectUpdate | None = None

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers; see :class:`Layer`."""
        self.weight, self.bias = values[0], values[1] if len(values) > 1 else None
        self.weight_gradient = gradients[0]
        self.bias_gradient = gradients[-1]
        self.weight_t = self.weight.t()
        n_outputs = self.weight.shape[0]
        self.output = work.buffer(n_outputs)
        self.input_gradient = None if self.is_first else work.buffer(width)
        return n_outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return x W' + b."""
        self.input = x
        output = self.output.rows(x.shape[0])
        return affine_into(output, x, self.weight_t, self.bias, self.scale)

    def backward(self, gradient: Tensor) -> Tensor:
        """Note the gradients, or make the update if that is all the optimiser would do."""
        below = gradient
        if self.input_gradient is not None:
            below = self.input_gradient.rows(gradient.shape[0])
            product_into(below, gradient, self.weight, self.scale)
        if self.needs_bias_gradient:
            torch.sum(gradient, 0, out=self.bias_gradient)
        if self.direct is None:
            product_into(self.weight_gradient, gradient.t(), self.input, self.scale)
        else:
            decay, rate = self.direct.decay, -self.direct.lr * self.scale
            add_product_(self.weight, gradient.t(), self.input, beta=decay, alpha=rate)
        return below
