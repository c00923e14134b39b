"""What the two commands say when data are not there."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def check_data(parser: ArgumentParser, folder: Path | None) -> None:
    """End the command, with its usage, if there is no such data folder."""
    if folder is not None and not folder.is_dir():
        parser.error(f"--data must be a folder that is there, however: {folder}.")


@contextmanager
def data_or_exit() -> Iterator[None]:
    """End the command, without a traceback, if data are missing or not what they should be."""
    try:
        yield
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
