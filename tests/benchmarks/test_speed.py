"""The speed benchmarks run, keep what they measured, and print what is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks._nets import perceptron
from benchmarks._store import RunStore
from benchmarks.data import load
from benchmarks.speed import __main__ as command
from benchmarks.speed import _batches, _memory, _pretraining, _settings, _threads, _training
from benchmarks.speed._settings import TIMED, Timed

STORED = Path(command.__file__).parents[1] / "results"


@pytest.fixture
def tiny(small_sets, monkeypatch):
    """Nets and numbers of a second."""
    net = perceptron(5, 0.1, lr_schedule=None)
    monkeypatch.setitem(TIMED, "higgs", Timed(net, "higgs", 3, 1))
    monkeypatch.setattr(_threads, "HIDDEN", (4,))
    monkeypatch.setattr(_threads, "BATCH_SIZES", (8,))
    monkeypatch.setattr(_threads, "N_STEPS", 2)
    monkeypatch.setattr(_pretraining, "N_HIDDEN", 8)
    monkeypatch.setattr(_pretraining, "N_HELD_OUT", 20)
    monkeypatch.setattr(_memory, "run", lambda home, settings: _memory.growth("higgs", home))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("training", ["**higgs, float32**", "stock skorch", "times MLPClassifier", "ideal"]),
        ("batches", ["dense_step", "chain_step", "autograd_step", "bare_torch", "microseconds"]),
        ("memory", ["higgs: peak above the data"]),
        ("threads", ["dense_step", "gain"]),
        ("pretraining", ["ours", "sklearn_float64", "products_float32", "reconstruction"]),
    ],
)
def test_each_is_measured_once(tiny, name, words, tmp_path, monkeypatch, capsys):
    arguments = [name, "--nets", "higgs", "--repeats", "1", "--out", str(tmp_path)]
    command.main(arguments)
    printed = capsys.readouterr().out
    assert not [word for word in words if word not in printed]
    if name == "training":  # skorch's one epoch stands for three
        runs = {r["settings"]["method"]: r for r in RunStore(tmp_path / "speed_training.json")}
        assert runs["skorch"]["scaled_from_epochs"] == 1
        assert runs["skorch"]["visits"] == runs["all_rows"]["visits"] == 3
    for module in (_training, _batches, _memory, _threads, _pretraining):
        monkeypatch.setattr(module, "run", lambda *args: 1 / 0)
    command.main(arguments)
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", command.BENCHMARKS)
def test_what_is_stored_has_its_tables(name):
    store = RunStore(STORED / f"speed_{name}.json")
    text = "\n".join(command.BENCHMARKS[name].tables(store, list(_settings.TIMED)))
    assert "nan" not in text
    if name == "training":  # the README's figures
        assert "| sDLr  " in text
        assert all(figure in text for figure in ("0.639", "6.69", "22.3", "35.1", "16.9"))


@pytest.mark.parametrize("name", ["members", "shared_members"])
@pytest.mark.parametrize("step", ["chain_step", "autograd_step", "bare_torch"])
def test_members_are_timed_by_each_step(name, step, small_sets, monkeypatch):
    monkeypatch.setattr(_batches, "N_BATCHES", 1)
    data = load("higgs", None)
    settings = {"step": step, "batch_size": 20}
    assert _batches.run(TIMED[name], data, settings)["microseconds"] > 0
