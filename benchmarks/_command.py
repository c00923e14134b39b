"""What the commands share: kinds of arguments, and what is said when data are not there."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path

OUT = Path("measured")


def positive_int(text: str) -> int:
    """Return a whole number, at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"it must be a whole number, at least 1. Got {text} instead.")
    return int(text)


def positive_float(text: str) -> float:
    """Return a positive number."""
    if not 0 < float(text) < inf:
        raise ArgumentTypeError(f"it must be positive and finite. Got {text} instead.")
    return float(text)


def several(text: str) -> list[str]:
    """Return the parts of a list with commas."""
    return text.split(",")


def add_data(parser: ArgumentParser) -> None:
    """Let the command take ``--data``."""
    parser.add_argument("--data", type=Path, help="the data folder (default: SK_SDLR_DATA)")


def check_data(parser: ArgumentParser, folder: Path | None) -> None:
    """End the command, with its usage, if there is no such data folder."""
    if folder is not None and not folder.is_dir():
        parser.error(f"--data must be a folder that is there. Got {folder} instead.")


def check_among(
    parser: ArgumentParser, option: str, values: Collection[str], allowed: Collection[str]
) -> None:
    """End the command, with its usage, if a value is not one of those allowed."""
    unknown = sorted(set(values) - set(allowed))
    if unknown:
        parser.error(f"{option} must be among {', '.join(allowed)}. Got {unknown} instead.")


def check_dataset(parser: ArgumentParser, option: str, name: str, sets: Collection[str]) -> None:
    """End the command, with its usage, if it is neither a named set nor a file that is there."""
    file = Path(name)
    if name not in sets and not (file.suffix == ".npz" and file.is_file()):
        parser.error(
            f"{option} must be one of {', '.join(sets)}, or a file *.npz that is there. "
            f"Got {name!r} instead."
        )


@contextmanager
def data_or_exit() -> Iterator[None]:
    """End the command, without a traceback, if data are missing or not what they should be."""
    try:
        yield
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
