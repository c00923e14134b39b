"""Activations and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...modules._activations import SCALED_TANH_GAIN, SCALED_TANH_SLOPE, ScaledTanh
from ._layer import Layer
from ._workspace import Workspace

aten = torch.ops.aten


class Activation(Layer):
    """An elementwise function.

    Attributes
    ----------
    vanishes : bool
        Whether value and derivative are 0 at minus infinity: then a unit is dropped by what goes
        in, and its backward pass needs no mask.
    keeps_input : bool
        Whether backward reads what went in; if not, the output is written over it.
    """

    vanishes: ClassVar[bool] = False
    keeps_input: ClassVar[bool] = True

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def bind(
        self, work: Workspace, width: int, values: Sequence[Tensor], gradients: Sequence[Tensor]
    ) -> int:
        """Make the buffers; see :class:`Layer`."""
        self.buffer = work.buffer(width) if self.keeps_input else None
        return width

    def forward(self, x: Tensor) -> Tensor:
        """Return a(x)."""
        self.input = x
        self.output = x if self.buffer is None else self.buffer.rows(x.shape[0])
        self.apply(x, self.output)
        return self.output

    def apply(self, x: Tensor, output: Tensor) -> None:
        """Write a(x) to the output."""
        raise NotImplementedError


class ReLU(Activation):
    """max(x, 0)."""

    vanishes = True
    keeps_input = False

    def apply(self, x: Tensor, output: Tensor) -> None:
        """Write a(x) to the output."""
        torch.clamp_min(x, 0, out=output)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient times a'(x)."""
        return aten.threshold_backward.grad_input(gradient, self.output, 0, grad_input=gradient)


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    vanishes = True
    keeps_input = False

    def apply(self, x: Tensor, output: Tensor) -> None:
        """Write a(x) to the output."""
        torch.sigmoid(x, out=output)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient times a'(x)."""
        return aten.sigmoid_backward.grad_input(gradient, self.output, grad_input=gradient)


class Tanh(Activation):
    """The hyperbolic tangent."""

    keeps_input = False

    def apply(self, x: Tensor, output: Tensor) -> None:
        """Write a(x) to the output."""
        torch.tanh(x, out=output)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient times a'(x)."""
        return aten.tanh_backward.grad_input(gradient, self.output, grad_input=gradient)


class ScaledTanhLayer(Activation):
    """1.7159 tanh(2 x / 3); what goes in is overwritten by the tangent."""

    def apply(self, x: Tensor, output: Tensor) -> None:
        """Write a(x) to the output."""
        x.mul_(SCALED_TANH_SLOPE).tanh_()
        torch.mul(x, SCALED_TANH_GAIN, out=output)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient times a'(x)."""
        gradient.mul_(SCALED_TANH_GAIN * SCALED_TANH_SLOPE)
        return aten.tanh_backward.grad_input(gradient, self.input, grad_input=gradient)


class SiLU(Activation):
    """x times its sigmoid."""

    vanishes = True

    def apply(self, x: Tensor, output: Tensor) -> None:
        """Write a(x) to the output."""
        aten.silu.out(x, out=output)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient times a'(x)."""
        return aten.silu_backward.grad_input(gradient, self.input, grad_input=gradient)


class GELU(Activation):
    """x times the normal distribution function of it."""

    vanishes = True

    def apply(self, x: Tensor, output: Tensor) -> None:
        """Write a(x) to the output."""
        aten.gelu.out(x, out=output)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient times a'(x)."""
        return aten.gelu_backward.grad_input(gradient, self.input, grad_input=gradient)


class Mish(Activation):
    """x tanh(log(1 + exp(x)))."""

    vanishes = True

    def apply(self, x: Tensor, output: Tensor) -> None:
        """Write a(x) to the output."""
        aten.mish.out(x, out=output)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient times a'(x)."""
        return aten.mish_backward(gradient, self.input)  # it has no variant with `out`


class SELU(Activation):
    """The scaled exponential linear unit."""

    SLOPE, SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

    def apply(self, x: Tensor, output: Tensor) -> None:
        """Write a(x) to the output."""
        aten.elu.out(x, self.SLOPE, self.SCALE, 1, out=output)

    def backward(self, gradient: Tensor) -> Tensor:
        """Return the gradient times a'(x)."""
        return aten.elu_backward.grad_input(
            gradient, self.SLOPE, self.SCALE, 1, False, self.input, grad_input=gradient
        )


ACTIVATION_LAYERS: dict[type[nn.Module], type[Activation]] = {
    nn.ReLU: ReLU,
    nn.Sigmoid: Sigmoid,
    nn.Tanh: Tanh,
    nn.SiLU: SiLU,
    nn.GELU: GELU,
    nn.Mish: Mish,
    nn.SELU: SELU,
    ScaledTanh: ScaledTanhLayer,
}
