"""The step of a net that is a chain of layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from .._objective import Objective
from .._step import Batches, set_learning_rate
from ._build import layers_of
from ._losses import make_loss
from ._parameters import DirectUpdate, Segment
from ._registry import chain_applies, n_members_of, parts_of
from ._workspace import Workspace


class ChainStep:
    """The step of a chain of layers, in closed form.

    Every parameter is a view of a flat buffer, every intermediate a view of a buffer that is made
    once. Rows are samples. For SGD without momentum the products that would make the gradients of
    the matrices make the update itself.

    Parameters
    ----------
    module : nn.Module
        The net. Until :meth:`close` its parameters are views of what is trained.
    objective : Objective
        What is minimised.
    optimizer : torch.optim.Optimizer
        Holds the module's parameters. Its settings are read at each batch.

    Raises
    ------
    ValueError
        If :func:`chain_applies` does not hold.
    """

    def __init__(self, module: nn.Module, objective: Objective, optimizer: Optimizer) -> None:
        if not chain_applies(module, objective, optimizer):
            raise ValueError(
                "step='dense' needs an MLP or an nn.Sequential of known layers on the CPU, with "
                "SquaredError or CrossEntropyLoss and SGD, Adam or AdamW. Got "
                f"{type(module).__name__}, {type(objective.criterion).__name__} and "
                f"{type(optimizer).__name__} instead."
            )
        # Without gradients this does nothing but tell torch's schedulers that steps are made.
        optimizer.zero_grad()
        optimizer.step()
        self.module, self.objective, self.optimizer = module, objective, optimizer
        self.parts = parts_of(module) or []
        self.layers = layers_of(self.parts)
        # Below the first parameters nobody wants a gradient.
        first = next(i for i, layer in enumerate(self.layers) if layer.parameters)
        self.backwards = self.layers[first:][::-1]
        self.segments = self._make_segments()
        self.direct = self._make_direct()
        self.batch_size = 0

    @torch.inference_mode()
    def __call__(self, batches: Batches) -> Tensor:
        """Learn each batch; see :class:`Step`."""
        if batches.batch_size != self.batch_size:
            self._bind(batches.batch_size, batches.x.shape[1])
        self.loss.begin(batches)
        size, output = batches.batch_size, batches.x
        weight = None
        for i, begin in enumerate(range(0, batches.x.shape[0], size)):
            rows = slice(begin, begin + size)
            if batches.lr_factors is not None:
                set_learning_rate(self.optimizer.param_groups, batches.lr_factors[i])
            if batches.weight is not None:
                weight = batches.weight[rows]
            output = self._learn(batches.x[rows], begin, weight)
        self.loss.end(batches)
        for layer in self.layers:
            layer.end()
        return self.loss.as_module_has_it(output)

    def close(self) -> None:
        """Give the module tensors of its own again, and the optimiser its state."""
        for segment in self.segments:
            segment.close()

    def state_dict(self) -> dict[str, Any]:
        """Return nothing: once closed, all is in module and optimiser."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Do nothing; see :meth:`state_dict`."""

    def _learn(self, x: Tensor, begin: int, weight: Tensor | None) -> Tensor:
        if self.direct is not None:
            self.direct.read_settings()
        for layer in self.layers:
            x = layer.forward(x)
        gradient = self.loss.gradient(x, begin, weight)
        for layer in self.backwards:
            gradient = layer.backward(gradient)
        if self.direct is not None:
            self.direct.step()
        else:
            for segment in self.segments:
                segment.step()
        return x

    def _make_segments(self) -> list[Segment]:
        """Lay out the parameters, group by group, those that products update first."""
        of_layers = [p for layer in self.layers for p in layer.parameters]
        products = {id(p) for layer in self.layers for p in layer.products}
        ordered = sorted(of_layers, key=lambda p: id(p) not in products)
        segments = []
        for i, group in enumerate(self.optimizer.param_groups):
            own = set(map(id, group["params"]))
            parameters = [p for p in ordered if id(p) in own]
            if parameters:
                segments.append(Segment(self.optimizer, i, parameters))
        return segments

    def _make_direct(self) -> DirectUpdate | None:
        """Return the update of plain SGD, and let layers make their part of it."""
        group = self.optimizer.param_groups[0]
        if type(self.optimizer) is not SGD or group["momentum"] or len(self.segments) > 1:
            return None
        direct = DirectUpdate(self.segments[0], sum(len(layer.products) for layer in self.layers))
        for layer in self.layers:
            layer.direct = direct
        return direct

    def _bind(self, batch_size: int, width: int) -> None:
        views = {
            id(parameter): (value, gradient)
            for segment in self.segments
            for parameter, value, gradient in zip(
                segment.parameters, segment.values, segment.gradients, strict=True
            )
        }
        work = Workspace(batch_size, self.segments[0].flat)
        for layer in self.layers:
            pairs = [views[id(parameter)] for parameter in layer.parameters]
            width = layer.bind(work, width, [a for a, _ in pairs], [b for _, b in pairs])
        self.loss = make_loss(
            self.objective.criterion, width, self.segments[0].flat, n_members_of(self.parts)
        )
        self.batch_size = batch_size
