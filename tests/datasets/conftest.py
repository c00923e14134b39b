from pathlib import Path

import pytest


class Remote:
    """Stands in for pooch.retrieve: serves the given files and refuses all others."""

    def __init__(self):
        self.files = {}
        self.calls = []

    def __call__(self, url, known_hash, fname, path):
        self.calls.append((url, known_hash, fname, Path(path)))
        if fname not in self.files:
            raise ConnectionError("no route to host")
        Path(path).mkdir(parents=True, exist_ok=True)
        Path(path, fname).write_bytes(self.files[fname])
        return str(Path(path, fname))


@pytest.fixture
def remote(monkeypatch):
    pooch = pytest.importorskip("pooch")
    remote = Remote()
    monkeypatch.setattr(pooch, "retrieve", remote)
    return remote
