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

from math import ceil
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from ..modules import MLP
from ._batches import chunk_bytes
from ._dense_activations import DENSE_ACTIVATIONS, DenseActivation, aten
from ._errors import SquaredError
from ._products import addmm_, mm
from ._stacked import StackedLayers

# In units of what is gathered at a time: enough for that and for a few outputs. Two pieces in place
# of one cost nets of 50 units 2.5 %.
ROOM = 2


def dense_step_applies(
    module: nn.Module, criterion: nn.Module, optimizer: Optimizer, y: Tensor | None = None
) -> bool:
    """Return whether DenseStep does what AutogradStep would do for these.

    Parameters
    ----------
    module : nn.Module
        Must be an MLP without batch norm, dropout, frozen parameters and hooks.
    criterion : nn.Module
        Must be SquaredError, or CrossEntropyLoss without options, on the output that goes with it.
    optimizer : torch.optim.Optimizer
        Must be SGD, Adam or AdamW with one group of parameters, the module's, and no hooks.
    y : Tensor of shape (n_samples,) or (n_samples, n_outputs), optional
        Targets; must be class numbers for CrossEntropyLoss.

    Returns
    -------
    applies : bool
        Whether it does.
    """
    return (
        type(module) is MLP
        and module.is_plain
        and all(map(_is_ordinary_linear, module.linears))
        and not any(map(_has_hooks, module.modules()))
        and _loss_applies(module, criterion)
        and _optimizer_applies(optimizer, list(module.parameters()))
        and (y is None or _targets_apply(criterion, y))
    )


class DenseStep:
    """The step of a plain MLP in closed form; see the module's text.

    Parameters
    ----------
    module : MLP
        The net. Until :meth:`close` its parameters are views of the matrices that are trained.
    criterion : nn.Module
        The loss.
    optimizer : torch.optim.Optimizer
        Holds the module's parameters. Its settings are read at each call.

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
        # Without gradients this does nothing but tell torch's schedulers that steps are made.
        optimizer.zero_grad()
        optimizer.step()
        self.group = optimizer.param_groups[0]
        self.fused = type(optimizer) is SGD and self.group["momentum"] == 0
        self.activation = DENSE_ACTIVATIONS[module.activation]
        self.classes = isinstance(criterion, nn.CrossEntropyLoss)
        self.sigmoid_outputs = module.output_activation == "sigmoid"
        layers: Any = list(module.linears)
        self.layers = StackedLayers(layers, optimizer)
        self.matrices = self.layers.matrices
        self.back = [matrix[:, :-1].t() for matrix in self.matrices]
        self.updated = self.matrices if self.fused else self.layers.make_gradients()
        self.piece: _Piece | None = None

    def __call__(
        self,
        x: Tensor,
        y: Tensor,
        weight: Tensor | None,
        error: Tensor,
        batch_size: int | None = None,
        output_error: Tensor | None = None,
    ) -> Tensor:
        """Train on a batch, or on several; see :class:`Step`."""
        n = x.shape[0]
        self.layers.follow_settings()
        piece = self._piece_for(n, batch_size or n)
        room = piece.n_batches * piece.batch_size
        output = x
        for begin in range(0, n, room):
            rows = slice(begin, min(begin + room, n))
            weights = None if weight is None else weight[rows]
            output = self._run(piece, x[rows], y[rows], weights, error[rows])
            if output_error is not None:
                piece.write_output_errors(error[rows], self.classes, output_error[rows])
        return output

    def close(self) -> None:
        """Give the module tensors of its own again, and the optimiser its state."""
        self.layers.give_back()

    def _piece_for(self, n: int, batch_size: int) -> _Piece:
        n_batches, piece = ceil(n / batch_size), self.piece
        if piece is None or piece.batch_size != batch_size or piece.made_for < n_batches:
            piece = self.piece = _Piece(self.matrices, batch_size, n_batches, self.activation)
        return piece

    def _run(
        self, piece: _Piece, x: Tensor, y: Tensor, weight: Tensor | None, error: Tensor
    ) -> Tensor:
        """Train on as many rows as the piece has room for, or fewer."""
        n, size = x.shape[0], piece.batch_size
        n_batches, n_last = ceil(n / size), (n - 1) % size + 1
        piece.fill(x, y, self.classes)
        weights = [None] * n_batches if weight is None else piece.padded(weight).split(size)
        for i in range(n_batches):
            n_rows = n_last if i == n_batches - 1 else size
            self._forward(piece, i)
            self._output_gradient(piece, i, weights[i], n_rows)
            self._backward(piece, i, n_rows)
        error.copy_(piece.errors(n_batches, self.classes)[:n])
        return (piece.logits if self.classes else piece.output[n_batches - 1])[:, :n_last].t()

    def _forward(self, piece: _Piece, i: int) -> None:
        h = piece.x_t[i]
        for matrix, z, a, with_ones in zip(
            self.matrices, piece.z, piece.h, piece.h_1, strict=False
        ):
            mm(matrix, h, out=z)
            self.activation.forward(z, a)
            h = with_ones
        mm(self.matrices[-1], h, out=piece.logits if self.classes else piece.output[i])

    def _output_gradient(self, piece: _Piece, i: int, weight: Tensor | None, n_rows: int) -> None:
        delta, output = piece.delta[-1], piece.output[i]
        if self.classes:
            torch.log_softmax(piece.logits, 0, out=output)
            torch.exp(output, out=delta)
            delta.sub_(piece.target[i])
        else:
            if self.sigmoid_outputs:
                output.sigmoid_()
            torch.sub(output, piece.target[i], out=delta)
            if self.sigmoid_outputs:
                aten.sigmoid_backward.grad_input(delta, output, grad_input=delta)
        if weight is not None:
            delta.mul_(weight)
        if n_rows < piece.batch_size:
            delta[:, n_rows:] = 0  # columns of no row

    def _backward(self, piece: _Piece, i: int, n_rows: int) -> None:
        if self.fused:
            lr = self.group["lr"]
            scale, decay = -lr / n_rows, 1 - lr * self.group["weight_decay"]
        else:
            scale, decay = 1 / n_rows, 0
        for layer in range(len(self.matrices) - 1, 0, -1):
            delta, below = piece.delta[layer], piece.delta[layer - 1]
            mm(self.back[layer], delta, out=below)
            self.activation.backward(below, piece.z[layer - 1], piece.h[layer - 1])
            addmm_(self.updated[layer], delta, piece.h_1t[layer - 1], beta=decay, alpha=scale)
        addmm_(self.updated[0], piece.delta[0], piece.x[i], beta=decay, alpha=scale)
        if not self.fused:
            self.layers.step()


class _Piece:
    """Everything that the step on some batches of one size writes to, small enough for the cache.

    In it `_1` stands for an appended row of ones, `_t` for a transposed view. A last batch of
    fewer rows fills the first columns only; the others hold what was there before.
    """

    def __init__(
        self, matrices: list[Tensor], batch_size: int, n_batches: int, activation: DenseActivation
    ) -> None:
        n_inputs, n_outputs = matrices[0].shape[1], matrices[-1].shape[0]
        row_bytes = matrices[0].element_size() * (n_inputs + 2 * n_outputs)
        self.batch_size, self.made_for = batch_size, n_batches
        room = ROOM * chunk_bytes(matrices[0].device)
        self.n_batches = max(1, min(n_batches, room // (row_bytes * batch_size)))
        new, sizes = matrices[0].new_zeros, [matrix.shape[0] for matrix in matrices]

        self.inputs = new(self.n_batches * batch_size, n_inputs)
        self.inputs[:, -1] = 1
        self.x = self.inputs.split(batch_size)
        self.x_t = [x.t() for x in self.x]

        self.h_1 = [new(size + 1, batch_size) for size in sizes[:-1]]
        for h_1 in self.h_1:
            h_1[-1] = 1
        self.h = [h_1[:-1] for h_1 in self.h_1]
        self.h_1t = [h_1.t() for h_1 in self.h_1]
        self.z = [torch.zeros_like(h) for h in self.h] if activation.keeps_input else self.h

        self.logits = new(n_outputs, batch_size)
        self.outputs = new(self.n_batches, n_outputs, batch_size)
        self.targets = torch.zeros_like(self.outputs)
        self.output, self.target = self.outputs.unbind(), self.targets.unbind()
        self.delta = [new(size, batch_size) for size in sizes]

    def fill(self, x: Tensor, y: Tensor, classes: bool) -> None:
        """Write inputs and targets."""
        self.inputs[: x.shape[0], :-1].copy_(x)
        n_batches = ceil(x.shape[0] / self.batch_size)
        targets = self.targets[:n_batches]
        if classes:
            self.y = self.padded(y).view(n_batches, 1, self.batch_size)
            targets.zero_().scatter_(1, self.y, 1)
        else:
            y = self.padded(y).view(n_batches, self.batch_size, -1)
            targets.copy_(y.transpose(1, 2))

    def padded(self, values: Tensor) -> Tensor:
        """Return one value a row, and zeros up to whole batches."""
        missing = -values.shape[0] % self.batch_size
        if not missing:
            return values
        return torch.cat([values, values.new_zeros(missing, *values.shape[1:])])

    def errors(self, n_batches: int, classes: bool) -> Tensor:
        """Return the errors of the rows, those of padding included."""
        outputs = self.outputs[:n_batches]
        if classes:
            return outputs.gather(1, self.y).neg_().view(-1)
        return _half_squares(outputs - self.targets[:n_batches])

    def write_output_errors(self, error: Tensor, classes: bool, out: Tensor) -> None:
        """Write the squared errors of the outputs, after the errors were asked for.

        Of classes the logarithms of the outputs are lost by it.
        """
        if not classes:
            out.copy_(error)
        elif self.outputs.shape[1] == 2:  # where 1 - p_y says it all
            torch.neg(error, out=out).expm1_().square_()
        else:
            n_batches = ceil(error.shape[0] / self.batch_size)
            residual = self.outputs[:n_batches].exp_().sub_(self.targets[:n_batches])
            out.copy_(_half_squares(residual)[: error.shape[0]])


def _half_squares(residual: Tensor) -> Tensor:
    """Return half the squared norm of each row's residual; these are overwritten."""
    return residual.mul_(residual).sum(1).mul_(0.5).view(-1)


def _is_ordinary_linear(layer: nn.Module) -> bool:
    return type(layer) is nn.Linear and layer.bias is not None


def _has_hooks(part: nn.Module) -> bool:
    return bool(
        part._forward_hooks
        or part._forward_pre_hooks
        or part._backward_hooks
        or part._backward_pre_hooks
    )


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


def _optimizer_applies(optimizer: Optimizer, parameters: list[nn.Parameter]) -> bool:
    group = optimizer.param_groups[0]
    return (
        type(optimizer) in (SGD, Adam, AdamW)
        and len(optimizer.param_groups) == 1
        and {id(p) for p in group["params"]} == {id(p) for p in parameters}
        and not group["maximize"]
        and not optimizer._optimizer_step_pre_hooks
        and not optimizer._optimizer_step_post_hooks
        and all(
            p.requires_grad and not p._backward_hooks and not p._post_accumulate_grad_hooks
            for p in parameters
        )
    )


def _targets_apply(criterion: nn.Module, y: Tensor) -> bool:
    if type(criterion) is SquaredError:
        return y.dim() == 2 and y.is_floating_point()
    return y.dim() == 1 and y.dtype == torch.int64 and int(y.min()) >= 0
