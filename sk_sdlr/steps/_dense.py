"""The step of a plain MLP in closed form: the mathematics of autograd in a fraction of its calls.

A step of a small net is not bound by arithmetic but by the number of calls into torch. Here are
as few as the mathematics needs, all into buffers that are made once. Samples are columns, each
layer is one matrix A_l = [W_l | b_l], and a row of ones is appended to what goes into it. With
activations a, h_0 = x and layers l = 1 .. L::

    z_l = A_l [h_{l-1}; 1]          h_l = a(z_l)         forward
    d_L = dE/dz_L                                        softmax - onehot, or (o - y) o (1 - o)
    d_{l-1} = (W_l' d_l) * a'(z_{l-1})                   backward
    dA_l = d_l [h_{l-1}; 1]' / n                         gradients

For SGD without momentum the last line is the update itself, A_l <- (1 - lr decay) A_l - lr dA_l:
one matrix product that writes into the weights, with no gradient ever stored. Any other optimiser
makes its own step. Targets and errors are written and read once for many batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from ..modules import MLP
from ._dense_activations import DENSE_ACTIVATIONS, aten
from ._dense_applies import dense_step_applies
from ._dense_workspace import Workspace
from ._matmul import addmm_, mm
from ._objective import Objective
from ._stacked_layers import StackedLayers
from ._step import Batches


class DenseStep:
    """The step of a plain MLP in closed form; see the module's text.

    Parameters
    ----------
    module : MLP
        The net. Until :meth:`close` its parameters are views of the matrices that are trained.
    objective : Objective
        What is minimised.
    optimizer : torch.optim.Optimizer
        Holds the module's parameters. Its settings are read at each call.

    Raises
    ------
    ValueError
        If :func:`dense_step_applies` does not hold.
    """

    def __init__(self, module: MLP, objective: Objective, optimizer: Optimizer) -> None:
        if not dense_step_applies(module, objective, optimizer):
            raise ValueError(
                "step='dense' needs a plain MLP with SquaredError or CrossEntropyLoss and SGD, "
                f"Adam or AdamW. Got {type(module).__name__}, "
                f"{type(objective.criterion).__name__} and {type(optimizer).__name__} instead."
            )
        # Without gradients this does nothing but tell torch's schedulers that steps are made.
        optimizer.zero_grad()
        optimizer.step()
        self.group = optimizer.param_groups[0]
        self.fused = type(optimizer) is SGD and self.group["momentum"] == 0
        self.activation = DENSE_ACTIVATIONS[module.activation]
        self.classes = isinstance(objective.criterion, nn.CrossEntropyLoss)
        self.sigmoid_outputs = module.output_activation == "sigmoid"
        layers: Any = list(module.linears)
        self.layers = StackedLayers(layers, optimizer)
        self.matrices = self.layers.matrices
        self.back = [matrix[:, :-1].t() for matrix in self.matrices]
        self.updated = self.matrices if self.fused else self.layers.make_gradients()
        # Whose learning rate is set for each batch.
        self.rated = [self.group] + ([] if self.fused else self.layers.inner.param_groups)
        self.workspace: Workspace | None = None

    def __call__(self, batches: Batches) -> Tensor:
        """Learn each batch; see :class:`Step`."""
        self.layers.follow_settings()
        work = self._workspace_for(batches)
        output = batches.x
        for begin in range(0, len(batches), work.n_batches):
            output = self._learn(work, batches.some(begin, begin + work.n_batches))
        return output

    def close(self) -> None:
        """Give the module tensors of its own again, and the optimiser its state."""
        self.layers.give_back()

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: once closed, all is in module and optimiser."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing; see :meth:`state_dict`."""

    def _workspace_for(self, batches: Batches) -> Workspace:
        size, work = batches.batch_size, self.workspace
        if work is None or work.batch_size != size or work.made_for < len(batches):
            work = Workspace(self.matrices, size, len(batches), self.activation)
            self.workspace = work
        return work

    def _learn(self, work: Workspace, batches: Batches) -> Tensor:
        """Learn as many batches as the workspace has room for, or fewer."""
        n, size, n_batches = batches.x.shape[0], batches.batch_size, len(batches)
        n_last = (n - 1) % size + 1
        work.fill(batches.x, batches.y, self.classes)
        weights = self._weights_of(batches, work)
        factors, initial = batches.lr_factors, self.group.get("initial_lr", 0.0)
        for i in range(n_batches):
            n_rows = n_last if i == n_batches - 1 else size
            if factors is not None:
                lr = initial * factors[i]
                for group in self.rated:
                    group["lr"] = lr
            self._forward(work, i)
            self._output_gradient(work, i, weights[i], n_rows)
            self._backward(work, i, n_rows)
        batches.error.copy_(work.errors(n_batches, self.classes)[:n])
        if batches.output_error is not None:
            work.write_output_errors(batches.error, self.classes, batches.output_error)
        return (work.logits if self.classes else work.output[n_batches - 1])[:, :n_last].t()

    def _weights_of(self, batches: Batches, work: Workspace) -> Sequence[Tensor | None]:
        if batches.weight is None:
            return [None] * len(batches)
        return work.padded(batches.weight).split(batches.batch_size)

    def _forward(self, work: Workspace, i: int) -> None:
        h = work.x_t[i]
        for matrix, z, a, with_ones in zip(self.matrices, work.z, work.h, work.h_1, strict=False):
            mm(matrix, h, out=z)
            self.activation.forward(z, a)
            h = with_ones
        mm(self.matrices[-1], h, out=work.logits if self.classes else work.output[i])

    def _output_gradient(self, work: Workspace, i: int, weight: Tensor | None, n_rows: int) -> None:
        delta, output = work.delta[-1], work.output[i]
        if self.classes:
            torch.log_softmax(work.logits, 0, out=output)
            torch.exp(output, out=delta)
            delta.sub_(work.target[i])
        else:
            if self.sigmoid_outputs:
                output.sigmoid_()
            torch.sub(output, work.target[i], out=delta)
            if self.sigmoid_outputs:
                aten.sigmoid_backward.grad_input(delta, output, grad_input=delta)
        if weight is not None:
            delta.mul_(weight)
        if n_rows < work.batch_size:
            delta[:, n_rows:] = 0  # columns of no row

    def _backward(self, work: Workspace, i: int, n_rows: int) -> None:
        if self.fused:
            lr = self.group["lr"]
            scale, decay = -lr / n_rows, 1 - lr * self.group["weight_decay"]
        else:
            scale, decay = 1 / n_rows, 0
        for layer in range(len(self.matrices) - 1, 0, -1):
            delta, below = work.delta[layer], work.delta[layer - 1]
            mm(self.back[layer], delta, out=below)
            self.activation.backward(below, work.z[layer - 1], work.h[layer - 1])
            addmm_(self.updated[layer], delta, work.h_1t[layer - 1], beta=decay, alpha=scale)
        addmm_(self.updated[0], work.delta[0], work.x[i], beta=decay, alpha=scale)
        if not self.fused:
            self.layers.step()
