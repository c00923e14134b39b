"""Weights and biases of linear layers as one matrix a layer, [W | b], lent to the module as views.

A layer's product, its gradient and its update are then one call each instead of two. The optimiser
is torch's own: what SGD and Adam do to a parameter they do to each of its entries alone, so it
makes no difference whether W and b come as two parameters or as one.
"""

from __future__ import annotations

from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class StackedLayers:
    """The layers of a net as matrices, with an optimiser of the same kind as the net's.

    Parameters
    ----------
    linears : list of nn.Linear
        The layers. Until :meth:`give_back` their parameters are views of the matrices.
    optimizer : torch.optim.Optimizer
        The net's optimiser, of a kind that treats each entry of a parameter alone. Its settings
        are followed; its state is taken over, and written back by :meth:`give_back`.

    Attributes
    ----------
    matrices : list of Tensor of shape (n_outputs, n_inputs + 1)
        [W | b] of each layer.
    """

    def __init__(self, linears: list[nn.Linear], optimizer: Optimizer) -> None:
        self.linears = linears
        self.outer = optimizer
        self.matrices = [
            torch.cat([linear.weight, linear.bias[:, None]], 1).detach() for linear in linears
        ]
        for linear, matrix in zip(linears, self.matrices, strict=True):
            linear.weight.data, linear.bias.data = matrix[:, :-1], matrix[:, -1]
        options = signature(type(optimizer)).parameters.keys() - {"params"}
        self.settings = options & optimizer.param_groups[0].keys()
        self.inner: Any = type(optimizer)(self.matrices, **self._settings())
        for linear, matrix in zip(linears, self.matrices, strict=True):
            state = optimizer.state
            if linear.weight in state:
                self.inner.state[matrix] = _stack(state[linear.weight], state[linear.bias])

    def make_gradients(self) -> list[Tensor]:
        """Return the tensors that :meth:`step` takes the gradients of the matrices from."""
        for matrix in self.matrices:
            matrix.grad = torch.empty_like(matrix)
        return [matrix.grad for matrix in self.matrices]  # type: ignore[misc]

    def follow_settings(self) -> None:
        """Take over the settings that a schedule may have changed."""
        self.inner.param_groups[0].update(self._settings())

    def step(self) -> None:
        """Update the matrices by their gradients."""
        self.inner.step()

    def give_back(self) -> None:
        """Give the layers tensors of their own again, and the optimiser its state."""
        for linear, matrix in zip(self.linears, self.matrices, strict=True):
            for parameter in (linear.weight, linear.bias):
                parameter.data = _own(parameter.data)
            state = self.inner.state.get(matrix)
            if state:
                self.outer.state[linear.weight] = _part(state, slice(None, -1))
                self.outer.state[linear.bias] = _part(state, -1)

    def _settings(self) -> dict[str, Any]:
        group = self.outer.param_groups[0]
        return {name: group[name] for name in self.settings}


def _stack(of_weight: dict[str, Any], of_bias: dict[str, Any]) -> dict[str, Any]:
    return {
        key: torch.cat([value, of_bias[key][:, None]], 1) if _is_per_entry(value) else _copy(value)
        for key, value in of_weight.items()
    }


def _part(state: dict[str, Any], columns: slice | int) -> dict[str, Any]:
    return {
        key: _own(value[:, columns]) if _is_per_entry(value) else _copy(value)
        for key, value in state.items()
    }


def _is_per_entry(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() == 2


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _own(tensor: Tensor) -> Tensor:
    return tensor.clone(memory_format=torch.contiguous_format)
