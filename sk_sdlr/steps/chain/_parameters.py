"""All parameters of a net in one flat buffer, and the optimiser's update of it in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

# Entries that a parameter's place is rounded up to: 64 bytes of float32.
ALIGNMENT = 16
STATE_NAMES: dict[type[Optimizer], tuple[str, ...]] = {
    SGD: ("momentum_buffer",),
    Adam: ("exp_avg", "exp_avg_sq"),
    AdamW: ("exp_avg", "exp_avg_sq"),
}


class Segment:
    """The parameters of one of the optimiser's groups, one after the other.

    Parameters
    ----------
    optimizer : torch.optim.SGD, Adam or AdamW
        Whose state is taken over, and written back by :meth:`close`.
    group : int
        Number of the group.
    parameters : list of nn.Parameter
        Those of the group, in the order wanted. Until :meth:`close` they are views.

    Attributes
    ----------
    values, gradients : list of Tensor
        Views of the flat buffers, in the shapes of the parameters.
    """

    def __init__(self, optimizer: Optimizer, group: int, parameters: list[nn.Parameter]) -> None:
        self.optimizer, self.index, self.parameters = optimizer, group, parameters
        self.flat, self.values = _flat([p.detach() for p in parameters])
        self.gradient = torch.zeros_like(self.flat)
        self.gradients = _views(self.gradient, parameters)
        names = STATE_NAMES[type(optimizer)] if self._has_state else ()
        states = [optimizer.state[p] for p in parameters if p in optimizer.state]
        self.is_new = not any(states)
        self.moments = {name: self._moment(name) for name in names}
        self.n_steps = torch.zeros((), dtype=torch.float32, device=self.flat.device)
        if states and "step" in states[0]:
            self.n_steps.copy_(states[0]["step"])
        for parameter, view in zip(parameters, self.values, strict=True):
            parameter.data = view

    @property
    def group(self) -> dict[str, Any]:
        """The settings of the group."""
        return self.optimizer.param_groups[self.index]

    @property
    def _has_state(self) -> bool:
        return type(self.optimizer) is not SGD or self.group["momentum"] != 0

    def step(self) -> None:
        """Update the parameters by their gradients."""
        UPDATES[type(self.optimizer)](self, self.group)
        self.is_new = False

    def close(self) -> None:
        """Give the parameters tensors of their own again, and the optimiser its state."""
        views = {name: _views(flat, self.parameters) for name, flat in self.moments.items()}
        for i, parameter in enumerate(self.parameters):
            parameter.data = parameter.data.clone()
            if self.is_new or not self._has_state:
                continue
            state = {name: of_all[i].clone() for name, of_all in views.items()}
            if type(self.optimizer) is not SGD:
                state["step"] = self.n_steps.clone()
            self.optimizer.state[parameter] = state

    def _moment(self, name: str) -> Tensor:
        states = self.optimizer.state
        tensors = [states.get(p, {}).get(name) for p in self.parameters]
        kept = zip(tensors, self.parameters, strict=True)
        return _flat([torch.zeros_like(p) if t is None else t for t, p in kept])[0]


class DirectUpdate:
    """Plain SGD: the product that makes the gradient of a matrix writes the update itself.

    Parameters
    ----------
    segment : Segment
        All parameters, those that are updated by their layers first.
    n_products : int
        How many these are.
    """

    def __init__(self, segment: Segment, n_products: int) -> None:
        self.segment = segment
        begin = sum(_room(p) for p in segment.parameters[:n_products])
        self.rest, self.gradient = segment.flat[begin:], segment.gradient[begin:]
        self.read_settings()

    def read_settings(self) -> None:
        """Read learning rate and weight decay, which change from batch to batch."""
        group = self.segment.group
        self.lr = group["lr"]
        self.decay = 1 - self.lr * group["weight_decay"]

    def step(self) -> None:
        """Update the others."""
        if self.decay != 1:
            self.rest.mul_(self.decay)
        self.rest.add_(self.gradient, alpha=-self.lr)


def _update_sgd(segment: Segment, group: dict[str, Any]) -> None:
    moments = [segment.moments["momentum_buffer"]] if segment.moments else []
    torch._fused_sgd_(
        [segment.flat],
        [segment.gradient],
        moments,
        weight_decay=group["weight_decay"],
        momentum=group["momentum"],
        lr=group["lr"],
        dampening=group["dampening"],
        nesterov=group["nesterov"],
        maximize=False,
        is_first_step=segment.is_new,
    )


def _update_adam(kernel: Callable[..., None], segment: Segment, group: dict[str, Any]) -> None:
    segment.n_steps.add_(1)
    kernel(
        [segment.flat],
        [segment.gradient],
        [segment.moments["exp_avg"]],
        [segment.moments["exp_avg_sq"]],
        [],
        [segment.n_steps],
        lr=group["lr"],
        beta1=group["betas"][0],
        beta2=group["betas"][1],
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )


UPDATES: dict[type[Optimizer], Callable[[Segment, dict[str, Any]], None]] = {
    SGD: _update_sgd,
    Adam: lambda segment, group: _update_adam(torch._fused_adam_, segment, group),
    AdamW: lambda segment, group: _update_adam(torch._fused_adamw_, segment, group),
}


def _room(parameter: Tensor) -> int:
    return -(-parameter.numel() // ALIGNMENT) * ALIGNMENT


def _flat(tensors: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return a flat copy of some tensors, and views of it in their shapes."""
    flat = tensors[0].new_zeros(sum(map(_room, tensors)))
    views = _views(flat, tensors)
    for view, tensor in zip(views, tensors, strict=True):
        view.copy_(tensor)
    return flat, views


def _views(flat: Tensor, like: list[Any]) -> list[Tensor]:
    views, begin = [], 0
    for tensor in like:
        views.append(flat[begin : begin + tensor.numel()].view(tensor.shape))
        begin += _room(tensor)
    return views
