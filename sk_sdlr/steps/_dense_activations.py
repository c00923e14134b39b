"""Activations and their derivatives, in place, for DenseStep."""

from __future__ import annotations

import torch
from torch import Tensor

from ..modules._activations import SCALED_TANH_GAIN, SCALED_TANH_SLOPE

aten = torch.ops.aten


class DenseActivation:
    """Forward from z to h; backward multiplies a gradient in place by the derivative at z."""

    keeps_input = False  # whether backward reads z; if not, z and h may be one buffer

    def forward(self, z: Tensor, h: Tensor) -> None:
        """Write a(z) to h; z may be overwritten."""
        raise NotImplementedError

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        """Multiply grad by a'(z), given what forward left in z and h."""
        raise NotImplementedError


class _Tanh(DenseActivation):
    def forward(self, z: Tensor, h: Tensor) -> None:
        torch.tanh(z, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        aten.tanh_backward.grad_input(grad, h, grad_input=grad)


class _Sigmoid(DenseActivation):
    def forward(self, z: Tensor, h: Tensor) -> None:
        torch.sigmoid(z, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        aten.sigmoid_backward.grad_input(grad, h, grad_input=grad)


class _ReLU(DenseActivation):
    def forward(self, z: Tensor, h: Tensor) -> None:
        torch.clamp_min(z, 0, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        aten.threshold_backward.grad_input(grad, h, 0, grad_input=grad)


class _GELU(DenseActivation):
    keeps_input = True

    def forward(self, z: Tensor, h: Tensor) -> None:
        aten.gelu.out(z, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        aten.gelu_backward.grad_input(grad, z, grad_input=grad)


class _SiLU(DenseActivation):
    keeps_input = True

    def forward(self, z: Tensor, h: Tensor) -> None:
        aten.silu.out(z, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        aten.silu_backward.grad_input(grad, z, grad_input=grad)


class _ScaledTanh(DenseActivation):
    keeps_input = True  # z is overwritten by tanh(slope z), which is h without the gain

    def forward(self, z: Tensor, h: Tensor) -> None:
        z.mul_(SCALED_TANH_SLOPE).tanh_()
        torch.mul(z, SCALED_TANH_GAIN, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        grad.mul_(SCALED_TANH_GAIN * SCALED_TANH_SLOPE)
        aten.tanh_backward.grad_input(grad, z, grad_input=grad)


DENSE_ACTIVATIONS: dict[str, DenseActivation] = {
    "tanh": _Tanh(),
    "sigmoid": _Sigmoid(),
    "relu": _ReLU(),
    "gelu": _GELU(),
    "silu": _SiLU(),
    "scaled_tanh": _ScaledTanh(),
}
