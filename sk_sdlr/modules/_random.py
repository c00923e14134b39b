"""The generator that a run lets its module draw from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Generator

# Each thread has its own, so that fits in threads draw what they draw one after the other.
_CURRENT: ContextVar[Generator | None] = ContextVar("generator of the run", default=None)


def current_generator() -> Generator | None:
    """Return the generator to draw from; None is torch's global one.

    Returns
    -------
    generator : torch.Generator or None
        What the innermost :func:`drawing_from` around the call has set, in this thread.
    """
    return _CURRENT.get()


@contextmanager
def drawing_from(generator: Generator | None) -> Iterator[None]:
    """Let the modules of this package draw initial weights and masks from a generator, for a while.

    A generator function must not yield inside: what it yields to would draw from there too.

    Parameters
    ----------
    generator : torch.Generator or None
        On the device of what is drawn; None is torch's global one.
    """
    token = _CURRENT.set(generator)
    try:
        yield
    finally:
        _CURRENT.reset(token)
