"""Where the random numbers of a run come from.

The order of rows and the choice of a policy come from one generator, what a module draws from
another. Own modules take it (see :mod:`sk_sdlr.modules._random`). The modules of users can draw
from torch's global generator only: that one is borrowed, under a lock, and given back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import torch
from torch import Generator, Tensor, nn

from ..modules._own_modules import draws_from_run
from ..modules._random import drawing_from

# Of all runs of the process: torch's global generators are of all its threads.
_global_generators = RLock()


class ModuleGenerators:
    """The generators that a module draws from while it trains.

    Parameters
    ----------
    module : nn.Module
        The net.
    seed : int
        Seeds them.
    device : torch.device
        Where the module is.
    """

    def __init__(self, module: nn.Module, seed: int, device: torch.device) -> None:
        self.is_own = draws_from_run(module)
        devices = {"cpu"} | ({device.type} & {"cuda", "mps"})
        # Other numbers than those that draw the order of the rows, which come from the seed itself.
        seed += 2**31
        self.generators = {name: Generator(name).manual_seed(seed) for name in sorted(devices)}
        self.device = device

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Let the module draw from these."""
        if self.is_own:
            with drawing_from(self.generators.get(self.device.type)):
                yield
            return
        with _global_generators, torch.random.fork_rng(devices=self._cuda()):
            self._lend()
            try:
                yield
            finally:
                self._take_back()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the states of the generators."""
        return {name: generator.get_state() for name, generator in self.generators.items()}

    def load_state_dict(self, states: dict[str, Tensor]) -> None:
        """Go on from there."""
        for name, state in states.items():
            self.generators[name].set_state(state)

    def _cuda(self) -> list[torch.device]:
        return [self.device] if self.device.type == "cuda" else []

    def _lend(self) -> None:
        torch.set_rng_state(self.generators["cpu"].get_state())
        for device in self._cuda():
            torch.cuda.set_rng_state(self.generators["cuda"].get_state(), device)

    def _take_back(self) -> None:
        self.generators["cpu"].set_state(torch.get_rng_state())
        for device in self._cuda():
            self.generators["cuda"].set_state(torch.cuda.get_rng_state(device))


@contextmanager
def seeded(seed: int, device: str | torch.device = "cpu") -> Iterator[None]:
    """Let modules draw their initial weights from this seed, whoever wrote them.

    Parameters
    ----------
    seed : int
        The seed.
    device : str or torch.device, default="cpu"
        A device whose generator is meant too.
    """
    device = torch.device(device)
    cuda: list[Any] = [device] if device.type == "cuda" else []
    with _global_generators, torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for each in cuda:
            torch.cuda.set_rng_state(Generator(each).manual_seed(seed).get_state(), each)
        with drawing_from(Generator().manual_seed(seed)):
            yield
