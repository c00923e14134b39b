"""Runs are found again, and an interruption leaves a whole file."""

from __future__ import annotations

import json

import pytest

from benchmarks._store import RunStore


def test_what_was_added_is_found_by_another_store_by_its_settings(tmp_path):
    path = tmp_path / "new" / "runs.json"
    RunStore(path).add({"seed": 0, "name": "a"}, {"error": 0.25})
    store = RunStore(path)
    store.add({"seed": 1, "name": "a"}, {"error": 0.5})
    again = RunStore(path)
    assert again.find({"name": "a", "seed": 1})["error"] == 0.5
    assert again.find({"name": "a", "seed": 2}) is None
    assert again.find({"name": "a"}) is None
    assert [record["error"] for record in again] == [0.25, 0.5]
    wanted = [{"seed": seed, "name": "a"} for seed in range(3)]
    assert again.missing(wanted) == wanted[2:]


def test_every_run_says_what_it_was_measured_on(tmp_path):
    record = RunStore(tmp_path / "runs.json").add({}, {})
    assert {"processor", "cores", "threads", "python", "versions"} <= set(record["environment"])
    assert {"processor_maker", "processor_family", "instructions"} <= set(record["environment"])
    assert record["environment"]["products"] in ("mkl", "onednn")
    assert {"torch", "skorch", "sk_sdlr"} <= set(record["environment"]["versions"])


def test_the_file_is_replaced_as_a_whole(tmp_path, monkeypatch):
    path = tmp_path / "runs.json"
    RunStore(path).add({"seed": 0}, {})

    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        RunStore(path).add({"seed": 1}, {})
    assert [run["settings"] for run in json.loads(path.read_text())["runs"]] == [{"seed": 0}]


@pytest.mark.parametrize("text", ["", "[1]", '{"a": 1}'])
def test_another_file_is_left_alone(tmp_path, text):
    path = tmp_path / "runs.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"runs.json must hold runs. Got"):
        RunStore(path)
    assert path.read_text() == text
