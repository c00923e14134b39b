"""The linear layer: three products a batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .._bfloat16 import products_of_layer
from .._matmul import addmm_, affine_into
from ._layer import Layer
from ._workspace import Workspace


class BiasGradient:
    """The gradient of a bias: the sum over the rows, or 0 before a batch norm.

    Parameters
    ----------
    out : Tensor of shape (n_outputs,)
        Where it goes.
    before_norm : bool
        Whether a batch norm follows, which takes any constant out, but of single rows.
    """

    def __init__(self, out: Tensor, *, before_norm: bool) -> None:
        self.out, self.before_norm = out, before_norm
        self.is_zero = False

    def __call__(self, gradient: Tensor) -> None:
        """Write it, given the gradient of the outputs."""
        if not self.before_norm or gradient.shape[0] == 1:
            torch.sum(gradient, 0, out=self.out)
            self.is_zero = False
        elif not self.is_zero:
            self.out.zero_()
            self.is_zero = True


class Linear(Layer):
    """x W' + b.

    Parameters
    ----------
    module : nn.Linear
        The layer, with a weight and perhaps a bias.
    is_first : bool
        Whether nobody wants the gradient of what goes in.
    scale : float, default=1.0
        What the input is multiplied by: the scale of the dropout before it, at no cost.
    before_norm : bool, default=False
        Whether a batch norm follows: then the gradient of the bias is 0, but for single rows.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        is_first: bool,
        scale: float = 1.0,
        before_norm: bool = False,
    ) -> None:
        self.is_first, self.scale, self.before_norm = is_first, scale, before_norm
        self.parameters = list(module.parameters())
        self.products = self.parameters[:1]

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers; see :class:`Layer`."""
        self.weight, self.bias = values[0], values[1] if len(values) > 1 else None
        self.weight_gradient = gradients[0]
        self.bias_gradient = None
        if len(gradients) > 1:
            self.bias_gradient = BiasGradient(gradients[1], before_norm=self.before_norm)
        self.weight_t = self.weight.t()
        n_outputs = self.weight.shape[0]
        self.in_bfloat16 = products_of_layer(work.n_rows, self.weight)
        self.output = work.buffer(n_outputs)
        self.input_gradient = None if self.is_first else work.buffer(width)
        return n_outputs

    def forward(self, x: Tensor) -> Tensor:
        """Return x W' + b."""
        if self.in_bfloat16 is None:
            return self._forward(x)
        with self.in_bfloat16:
            return self._forward(x)

    def _forward(self, x: Tensor) -> Tensor:
        self.input = x
        output = self.output.rows(x.shape[0])
        return affine_into(output, x, self.weight_t, self.bias, self.scale)

    def backward(self, gradient: Tensor) -> Tensor:
        """Note the gradients, or make the update if that is all the optimiser would do."""
        if self.in_bfloat16 is None:
            return self._backward(gradient)
        with self.in_bfloat16:
            return self._backward(gradient)

    def _backward(self, gradient: Tensor) -> Tensor:
        below = gradient
        if self.input_gradient is not None:
            below = self.input_gradient.rows(gradient.shape[0])
            addmm_(below, gradient, self.weight, beta=0, alpha=self.scale)
        if self.bias_gradient is not None:
            self.bias_gradient(gradient)
        if self.direct is None or not self.products:
            addmm_(self.weight_gradient, gradient.t(), self.input, beta=0, alpha=self.scale)
        else:
            decay, rate = self.direct.decay, -self.direct.lr * self.scale
            addmm_(self.weight, gradient.t(), self.input, beta=decay, alpha=rate)
        return below
