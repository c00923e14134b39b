"""By how much the memory of a process grows."""

from __future__ import annotations

import resource
from collections.abc import Callable

import numpy as np

from ._runs import seconds


def seconds_and_growth(action: Callable[..., object], *arguments: object) -> tuple[float, int]:
    """Return how long a call takes, and the bytes by which the peak of the process grew in it.

    It is to be called once in a process, since what others have freed is taken up again.
    """
    # Loading may have peaked above what is held now; fill up to that peak, so that growth shows.
    ballast = np.ones(max(0, _peak() - _resident()), dtype=np.uint8)
    before = _peak()
    took = seconds(action, *arguments)
    grown = _peak() - before
    del ballast
    return took, grown


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
