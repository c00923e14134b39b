"""The policy study: comparisons at equal visits, with the controls that follow the default."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks._store import RunStore
from benchmarks.data import load
from benchmarks.policy_study import __main__ as command
from benchmarks.policy_study._runs import net_of

STORED = Path(command.__file__).parents[1] / "results"
CASE = {"dataset": "higgs", "net": "shallow", "optimizer": "sgd", "lr": 0.1, "batch_size": 100}


def test_a_study_is_made_once(file, tmp_path, monkeypatch, capsys):
    out = tmp_path / "study.json"
    arguments = ["--datasets", file, "--seeds", "2", "--rates", "0.1", "--visits", "3"]
    arguments += ["--split", "validation", "--out", str(out)]
    command.main(arguments)
    printed = capsys.readouterr().out
    runs = {(r["settings"]["method"], r["settings"]["seed"]): r for r in RunStore(out)}
    assert len(runs) == 2 * len(command.BY_DEFAULT)
    for seed in (0, 1):
        assert runs["random_as_default", seed]["n_active"] == runs["default", seed]["n_active"]
        assert runs["twice", seed]["visits"] == 2 * runs["all_rows", seed]["visits"] == 6
    assert "random rows, as many" in printed
    monkeypatch.setattr(command, "run_group", lambda *args: 1 / 0)
    command.main(arguments)
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", ["mnist", "harmless"])
def test_what_is_stored_has_its_tables(name):
    text = "\n".join(command.tables(RunStore(STORED / f"policy_study_{name}.json").records))
    assert {"mnist": "0.0179", "harmless": "0.3041"}[name] in text  # the pages' figures
    assert "sDLr, all rows at the end" in text


def test_nets_are_those_of_their_names(small_sets):
    data = load("higgs")
    assert net_of(CASE, data).params["hidden_layer_sizes"] == (50,)
    assert net_of(CASE | {"net": "shallow-7"}, data).params["hidden_layer_sizes"] == (7,)
    assert "batch_norm" not in net_of(CASE | {"net": "deep", "optimizer": "adam"}, data).params
    cnn = net_of(CASE | {"net": "cnn-cifar10-bfloat16", "optimizer": "momentum"}, data)
    assert cnn.kind == "cnn"
    assert cnn.params["momentum"] == 0.9
    assert net_of(CASE, load("splicing")).make(load("splicing"))  # numbers in [0, 1]
