"""The step of a plain MLP in closed form: the same mathematics as autograd, a third of its calls.

A step of a small net is not bound by arithmetic but by the number of calls into torch. Here are
as few as the mathematics needs, all into buffers that are made once. With weights W_l, biases
b_l, activations a and inputs h_0 = x, for layers l = 1 .. L::

    z_l = h_{l-1} W_l' + b_l        h_l = a(z_l)         forward
    d_L = dE/dz_L                                        softmax - onehot, or (o - y) o (1 - o)
    d_{l-1} = (d_l W_l) * a'(z_{l-1})                    backward
    dW_l = d_l' h_{l-1} / n         db_l = d_l' 1 / n    gradients

For SGD without momentum the last line is the update itself, W_l <- (1 - lr decay) W_l - lr dW_l:
one matrix product that writes into the weights, with no gradient ever stored. Any other
optimiser finds the gradients in ``parameter.grad`` and makes its own step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from ..modules import MLP
from ..modules._activations import SCALED_TANH_GAIN, SCALED_TANH_SLOPE
from ._errors import SquaredError

aten = torch.ops.aten


def dense_step_applies(module: nn.Module, criterion: nn.Module, optimizer: Optimizer) -> bool:
    """Return whether DenseStep does what AutogradStep would do for these three.

    Parameters
    ----------
    module : nn.Module
        Must be an MLP without batch norm, dropout, frozen parameters and hooks.
    criterion : nn.Module
        Must be SquaredError, or CrossEntropyLoss without options, on the output that goes with it.
    optimizer : torch.optim.Optimizer
        Must be SGD, Adam or AdamW with one group of parameters.

    Returns
    -------
    applies : bool
        Whether it does.
    """
    return (
        type(module) is MLP
        and module.is_plain
        and all(p.requires_grad for p in module.parameters())
        and not any(_has_hooks(part) for part in module.modules())
        and _loss_applies(module, criterion)
        and type(optimizer) in (SGD, Adam, AdamW)
        and len(optimizer.param_groups) == 1
        and not optimizer.param_groups[0]["maximize"]
    )


class DenseStep:
    """The step of a plain MLP in closed form; see the module's text.

    Parameters
    ----------
    module : MLP
        The net.
    criterion : nn.Module
        The loss.
    optimizer : torch.optim.Optimizer
        Holds the module's parameters. Its learning rate is read at each step.

    Raises
    ------
    ValueError
        If :func:`dense_step_applies` does not hold.
    """

    def __init__(self, module: MLP, criterion: nn.Module, optimizer: Optimizer) -> None:
        if not dense_step_applies(module, criterion, optimizer):
            raise ValueError(
                "DenseStep takes plain MLPs with SquaredError or CrossEntropyLoss and SGD, Adam "
                f"or AdamW, however: {type(module).__name__}, {type(criterion).__name__}, "
                f"{type(optimizer).__name__}."
            )
        self.optimizer = optimizer
        self.group = optimizer.param_groups[0]
        self.fused = type(optimizer) is SGD and self.group["momentum"] == 0
        self.activation = _ACTIVATIONS[module.activation]
        self.sigmoid_outputs = module.output_activation == "sigmoid"
        self.classes = isinstance(criterion, nn.CrossEntropyLoss)
        self.linears: list[Any] = list(module.linears)
        # Detached views: writing to them is outside autograd at no cost a call.
        self.weights = [linear.weight.detach() for linear in self.linears]
        self.biases = [linear.bias.detach() for linear in self.linears]
        self.transposed = [weight.t() for weight in self.weights]
        if not self.fused:
            self._make_gradients()
        self.buffers: dict[int, _Buffers] = {}  # of the full batches and of the last, shorter one

    def __call__(self, x: Tensor, y: Tensor, weight: Tensor | None, error: Tensor) -> Tensor:
        """Train on a batch; see :class:`Step`."""
        n = x.shape[0]
        buffers = self.buffers.get(n)
        if buffers is None:
            buffers = self._make_buffers(n)
        output = self._forward(x, buffers)
        delta = buffers.delta[-1]
        if self.classes:
            _cross_entropy(output, y, delta, error, buffers)
        else:
            _squared_error(output, y, delta, error, buffers, self.sigmoid_outputs)
        if weight is not None:
            error.mul_(weight)
            delta.mul_(weight.unsqueeze(1))
        self._backward(x, buffers)
        if not self.fused:
            self.optimizer.step()
        return output

    def _forward(self, x: Tensor, buffers: _Buffers) -> Tensor:
        last = len(self.weights) - 1
        h = x
        for i in range(last):
            z = buffers.z[i]
            torch.addmm(self.biases[i], h, self.transposed[i], out=z)
            h = buffers.h[i]
            self.activation.forward(z, h)
        output = buffers.output
        torch.addmm(self.biases[last], h, self.transposed[last], out=output)
        if self.sigmoid_outputs:
            torch.sigmoid(output, out=output)
        return output

    def _backward(self, x: Tensor, buffers: _Buffers) -> None:
        n = x.shape[0]
        if self.fused:
            lr = self.group["lr"]
            scale, decay = -lr / n, 1 - lr * self.group["weight_decay"]
            weights, biases = self.weights, self.biases
        else:
            scale, decay = 1 / n, 0
            weights, biases = self.weight_grads, self.bias_grads
        for i in range(len(self.weights) - 1, -1, -1):
            delta_t = buffers.delta_t[i]
            if i:
                h, delta = buffers.h[i - 1], buffers.delta[i - 1]
                torch.mm(buffers.delta[i], self.weights[i], out=delta)
                self.activation.backward(delta, buffers.z[i - 1], h)
            else:
                h = x
            weights[i].addmm_(delta_t, h, beta=decay, alpha=scale)
            biases[i].addmv_(delta_t, buffers.ones, beta=decay, alpha=scale)

    def _make_buffers(self, n: int) -> _Buffers:
        if len(self.buffers) > 1:
            del self.buffers[min(self.buffers)]
        buffers = self.buffers[n] = _Buffers(self.weights, n, self.activation.keeps_input)
        return buffers

    def _make_gradients(self) -> None:
        for linear in self.linears:
            for parameter in (linear.weight, linear.bias):
                parameter.grad = torch.zeros_like(parameter)
        self.weight_grads = [linear.weight.grad for linear in self.linears]
        self.bias_grads = [linear.bias.grad for linear in self.linears]


class _Buffers:
    """Everything that a step on n rows writes to."""

    def __init__(self, weights: list[Tensor], n: int, keeps_input: bool) -> None:
        like = weights[0]
        sizes = [weight.shape[0] for weight in weights]
        self.h = [like.new_empty(n, size) for size in sizes[:-1]]
        self.z = [like.new_empty(n, size) for size in sizes[:-1]] if keeps_input else self.h
        self.output = like.new_empty(n, sizes[-1])
        self.scratch = like.new_empty(n, sizes[-1])
        self.delta = [like.new_empty(n, size) for size in sizes]
        self.delta_t = [delta.t() for delta in self.delta]
        self.ones = like.new_ones(n)
        self.minus_ones = -like.new_ones(n, 1)


def _cross_entropy(
    logits: Tensor, y: Tensor, delta: Tensor, error: Tensor, buffers: _Buffers
) -> None:
    log_p, y = buffers.scratch, y.unsqueeze(1)
    torch.log_softmax(logits, 1, out=log_p)
    torch.gather(log_p, 1, y, out=error.unsqueeze(1))
    error.neg_()
    torch.exp(log_p, out=delta)
    delta.scatter_add_(1, y, buffers.minus_ones)


def _squared_error(
    output: Tensor, y: Tensor, delta: Tensor, error: Tensor, buffers: _Buffers, sigmoid: bool
) -> None:
    torch.sub(output, y, out=delta)
    torch.mul(delta, delta, out=buffers.scratch)
    torch.sum(buffers.scratch, 1, out=error)
    error.mul_(0.5)
    if sigmoid:
        aten.sigmoid_backward.grad_input(delta, output, grad_input=delta)


class _Activation:
    """Forward from z to h; backward multiplies the gradient in place by a'(z)."""

    keeps_input = False  # whether backward reads z: then z and h are two buffers, else one

    def forward(self, z: Tensor, h: Tensor) -> None:
        raise NotImplementedError

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        raise NotImplementedError


class _Tanh(_Activation):
    def forward(self, z: Tensor, h: Tensor) -> None:
        torch.tanh(z, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        aten.tanh_backward.grad_input(grad, h, grad_input=grad)


class _Sigmoid(_Activation):
    def forward(self, z: Tensor, h: Tensor) -> None:
        torch.sigmoid(z, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        aten.sigmoid_backward.grad_input(grad, h, grad_input=grad)


class _ReLU(_Activation):
    def forward(self, z: Tensor, h: Tensor) -> None:
        torch.clamp_min(z, 0, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        aten.threshold_backward.grad_input(grad, h, 0, grad_input=grad)


class _GELU(_Activation):
    keeps_input = True

    def forward(self, z: Tensor, h: Tensor) -> None:
        aten.gelu.out(z, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        aten.gelu_backward.grad_input(grad, z, grad_input=grad)


class _SiLU(_Activation):
    keeps_input = True

    def forward(self, z: Tensor, h: Tensor) -> None:
        aten.silu.out(z, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        aten.silu_backward.grad_input(grad, z, grad_input=grad)


class _ScaledTanh(_Activation):
    keeps_input = True  # z is overwritten by tanh(slope z), of which backward needs no gain

    def forward(self, z: Tensor, h: Tensor) -> None:
        z.mul_(SCALED_TANH_SLOPE).tanh_()
        torch.mul(z, SCALED_TANH_GAIN, out=h)

    def backward(self, grad: Tensor, z: Tensor, h: Tensor) -> None:
        grad.mul_(SCALED_TANH_GAIN * SCALED_TANH_SLOPE)
        aten.tanh_backward.grad_input(grad, z, grad_input=grad)


_ACTIVATIONS: dict[str, _Activation] = {
    "tanh": _Tanh(),
    "sigmoid": _Sigmoid(),
    "relu": _ReLU(),
    "gelu": _GELU(),
    "silu": _SiLU(),
    "scaled_tanh": _ScaledTanh(),
}


def _loss_applies(module: MLP, criterion: nn.Module) -> bool:
    if type(criterion) is SquaredError:
        return module.output_activation in ("identity", "sigmoid")
    return (
        type(criterion) is nn.CrossEntropyLoss
        and module.output_activation in ("identity", "softmax")
        and criterion.weight is None
        and criterion.label_smoothing == 0
        and criterion.ignore_index < 0
    )


def _has_hooks(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    )
