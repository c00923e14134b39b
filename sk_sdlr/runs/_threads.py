"""Torch threads: how many a run is fastest on, and that the process keeps its own number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, local

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ._settings import TrainingSettings

# Multiply-adds times two of one step under which a second thread costs more than it brings.
# Measured by `python -m benchmarks.speed`.
FLOPS_FOR_THREADS = 2e7

_lock = Lock()
_n_inside = 0
_number_outside = 1
_of_thread = local()


@contextmanager
def threads(n_threads: int | None) -> Iterator[None]:
    """Use so many torch threads for a while.

    Parameters
    ----------
    n_threads : int or None
        Number of threads; None: torch's own number.
    """
    # Several runs may be inside, in threads of the process, and leave in any order: the number
    # that each puts back is what the first of them found.
    with _lock:
        outside = _enter()
    before = getattr(_of_thread, "number", None)
    _of_thread.number = outside if n_threads is None else n_threads
    try:
        torch.set_num_threads(_of_thread.number)
        yield
    finally:
        torch.set_num_threads(outside if before is None else before)
        _of_thread.number = before
        with _lock:
            _leave()


def _enter() -> int:
    global _n_inside, _number_outside
    if not _n_inside:
        _number_outside = torch.get_num_threads()
    _n_inside += 1
    return _number_outside


def _leave() -> None:
    global _n_inside
    _n_inside -= 1


def choose_threads(flops: int) -> int | None:
    """Return how many threads a step of this size is fastest on.

    A rule, not a trial run: the same fit must give the same bits however busy the machine is.

    Parameters
    ----------
    flops : int
        Multiply-adds times two of a step.

    Returns
    -------
    n_threads : int or None
        1, or None for what torch is set to.
    """
    return None if flops >= FLOPS_FOR_THREADS else 1


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


def threads_of_run(module: nn.Module, features: Tensor, settings: TrainingSettings) -> int | None:
    """Return how many threads a run takes.

    Parameters
    ----------
    module : nn.Module
        The net.
    features : Tensor of shape (n_samples, ...)
        Where they are the run is.
    settings : TrainingSettings
        May say how many.

    Returns
    -------
    n_threads : int or None
        The number; None: torch's own.
    """
    if settings.n_threads is not None or features.device.type != "cpu":
        return settings.n_threads
    return choose_threads(step_flops(module, features[:1], settings.batch_size))
