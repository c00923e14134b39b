"""Runs on disk: what is there is not run again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ._environment import environment

Record = dict[str, Any]


class RunStore:
    """The records of runs in a JSON file, found again by their settings.

    Parameters
    ----------
    path : Path
        The file; it need not be there.

    Raises
    ------
    ValueError
        If the file is there and does not hold runs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[Record] = []
        if path.exists():
            try:
                self.records = json.loads(path.read_text())["runs"]
            except (json.JSONDecodeError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{path} must hold runs. Got {error!r} instead; move it away."
                ) from error

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def find(self, settings: Record) -> Record | None:
        """Return the record of a run of exactly these settings, if there is one."""
        return next((record for record in self if record["settings"] == settings), None)

    def missing(self, wanted: Iterable[Record]) -> list[Record]:
        """Return those of the settings of which there is no run."""
        return [settings for settings in wanted if self.find(settings) is None]

    def add(self, settings: Record, result: Record) -> Record:
        """Write a run to disk at once, with what it was measured on; return its record."""
        record = {"settings": settings, **result, "environment": environment()}
        self.records.append(record)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        text = ",\n".join(json.dumps(record) for record in self.records)
        partial.write_text(f'{{"runs": [\n{text}\n]}}\n')
        partial.replace(self.path)  # an interruption leaves a whole file
        return record
