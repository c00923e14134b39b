"""What a fit borrows from the process, and gives back: torch's random state and its threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

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


def choose_threads(n_parameters: int, batch_size: int) -> int:
    """Return how many threads a step of this size is fastest on.

    A rule, not a trial run: the same fit must give the same bits however busy the machine is.

    Parameters
    ----------
    n_parameters : int
        Parameters of the module.
    batch_size : int
        Rows a batch.

    Returns
    -------
    n_threads : int
        1, or what torch is set to.
    """
    flops = 6 * n_parameters * batch_size
    return torch.get_num_threads() if flops >= FLOPS_FOR_THREADS else 1
