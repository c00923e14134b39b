"""A call in a process of its own, with so many threads and a limit of seconds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from .._store import Record

Stages = Iterator[Record | None]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def in_process(
    function: Callable[..., Stages], *arguments: object, limit: float, n_threads: int
) -> Record:
    """Return the record that a generator yields at last.

    Parameters
    ----------
    function : callable
        Of a module; it yields None at the beginning of each of its stages, and then the record.
    *arguments : object
        What it is given.
    limit : float
        Seconds of a stage.
    n_threads : int
        Of all libraries.

    Returns
    -------
    record : dict
        With a ``status``: "done", "not done" if a stage took too long, or "failed" and why.
    """
    context = get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sending, function, *arguments))
    with _environment(n_threads):
        process.start()
    sending.close()
    try:
        return _received(receiving, limit)
    except EOFError:
        process.join()
        return {"status": "failed", "why": f"its process ended with {process.exitcode}"}
    finally:
        process.kill()
        process.join()
        receiving.close()


def _received(receiving: Connection, limit: float) -> Record:
    while receiving.poll(limit):
        record = receiving.recv()
        if record is not None:
            return {"status": "done"} | record
    return {"status": "not done", "limit": limit}


def _send(sending: Connection, function: Callable[..., Stages], *arguments: object) -> None:
    """Send all that the generator yields; what others raise is a result as well."""
    warnings.simplefilter("ignore")
    try:
        for record in function(*arguments):
            sending.send(record)
    except Exception as error:
        why = str(error).partition("\n")[0][:200]
        sending.send({"status": "failed", "why": f"{type(error).__name__}: {why}"})


@contextmanager
def _environment(n_threads: int) -> Iterator[None]:
    """Let processes that start have so many threads; what is set is put back."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, str(n_threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
