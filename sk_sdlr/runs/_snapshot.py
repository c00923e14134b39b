"""The weights and buffers of a module, to go back to."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Snapshot:
    """A copy of a module's weights and buffers.

    Parameters
    ----------
    module : nn.Module
        The module; copied when this is made and at each :meth:`save`.
    """

    def __init__(self, module: nn.Module) -> None:
        self.parameters, self.buffers = list(module.parameters()), list(module.buffers())
        self.saved = [tensor.detach().clone() for tensor in self._live()]

    def weights(self) -> list[Tensor]:
        """Return the module's present weights, outside autograd."""
        # Asked for each time: a step in closed form gives the parameters other data.
        return [parameter.data for parameter in self.parameters]

    def save(self) -> None:
        """Copy the present weights and buffers."""
        torch._foreach_copy_(self.saved, self._live())

    def save_buffers(self) -> None:
        """Copy the present buffers, and leave the weights."""
        for kept, buffer in zip(self.saved[len(self.parameters) :], self.buffers, strict=True):
            kept.copy_(buffer)

    def restore(self) -> None:
        """Write the copy back."""
        torch._foreach_copy_(self._live(), self.saved)

    def swap(self) -> None:
        """Write the copy back, and take one of what was there."""
        live = [tensor.clone() for tensor in self._live()]
        self.restore()
        torch._foreach_copy_(self.saved, live)

    def state_dict(self) -> list[Tensor]:
        """Return the copy."""
        return self.saved

    def load_state_dict(self, saved: list[Tensor]) -> None:
        """Take another copy in its place."""
        torch._foreach_copy_(self.saved, saved)

    def _live(self) -> list[Tensor]:
        return self.weights() + self.buffers
