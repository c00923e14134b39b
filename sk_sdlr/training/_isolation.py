"""What a fit borrows from the process, and gives back: torch's random state and its threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

# Multiply-adds times two of one step under which a second thread costs more than it brings.
# Measured by benchmarks/threads.py.
FLOPS_FOR_THREADS = 2e7


@contextmanager
def seeded(seed: int, device: str | torch.device = "cpu") -> Iterator[torch.Generator]:
    """Seed torch for a while, and put its random state back.

    Initial weights and dropout can draw from torch's global generators only.

    Parameters
    ----------
    seed : int
        The seed.
    device : str or torch.device, default="cpu"
        A device whose generator is meant too.

    Yields
    ------
    generator : torch.Generator
        One of its own, with the same seed, for everything that can take one.
    """
    device = torch.device(device)
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


@contextmanager
def threads(n_threads: int) -> Iterator[None]:
    """Use so many torch threads for a while.

    Parameters
    ----------
    n_threads : int
        Number of threads.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def step_flops(module: nn.Module, row: Tensor, batch_size: int) -> int:
    """Return the multiply-adds times two of a step: of forward, and twice as many of backward.

    Parameters
    ----------
    module : nn.Module
        The net.
    row : Tensor of shape (1, ...)
        Any row of features.
    batch_size : int
        Rows a batch.

    Returns
    -------
    flops : int
        Of its matrix products and convolutions.
    """
    if not any(isinstance(part, nn.modules.conv._ConvNd) for part in module.modules()):
        return 6 * sum(p.numel() for p in module.parameters()) * batch_size
    # A convolution uses a weight many times a row; how often, only a row can tell.
    was_training = module.training
    module.eval()  # neither the row nor its randomness may leave a trace
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(row)
    module.train(was_training)
    return 3 * counter.get_total_flops() * batch_size


def choose_threads(flops: int) -> int:
    """Return how many threads a step of this size is fastest on.

    A rule, not a trial run: the same fit must give the same bits however busy the machine is.

    Parameters
    ----------
    flops : int
        Multiply-adds times two of a step.

    Returns
    -------
    n_threads : int
        1, or what torch is set to.
    """
    return torch.get_num_threads() if flops >= FLOPS_FOR_THREADS else 1
