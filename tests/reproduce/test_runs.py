"""Runs are made once, with the settings that they are found by."""

from __future__ import annotations

import json

import pytest

from sk_sdlr.experiments._sets import load
from sk_sdlr.experiments._store import RunStore
from sk_sdlr.reproduce import _runs
from sk_sdlr.reproduce._experiments import EXPERIMENTS, IN_TABLES
from sk_sdlr.reproduce._runs import Options, make, path_of, run_all

QUICK = Options(epochs=10, seeds=2)


def by_name(out, name):
    runs = json.loads(path_of(out, name).read_text())["runs"]
    return {(run["settings"]["contestant"], run["settings"]["seed"]): run for run in runs}


def test_all_contestants_of_all_seeds_are_run_and_visit_what_they_should(tmp_path, small_sets):
    run_all("higgs_7_50_2", QUICK, tmp_path, load)
    runs = by_name(tmp_path, "higgs_7_50_2")
    assert set(runs) == {(name, seed) for name in IN_TABLES for seed in (0, 1)}
    sizes = {name: runs[name, 0]["n_active"] for name in IN_TABLES}
    assert sizes["plain"] == [120] * 10
    assert sizes["sdlr"] == [120, 96, 77, 62, 50, 40, 32, 26, 21, 120]
    assert sizes["sdl"] == [120, 96, 77, 62, 50, 40, 32, 26, 21, 21]
    assert sizes["random"] == sizes["sdlr"]
    assert sum(sizes["fewer"]) == sum(sizes["sdlr"])
    assert sum(sizes["default_visits"]) == 1200
    for run in runs.values():
        assert len(run["duration"]) == len(run["n_active"])
        assert 0 <= run["error"] <= 1
        assert run["seconds"] > 0


def test_contestants_of_a_seed_begin_with_the_same_weights(small_sets):
    data = load("higgs")
    nets = []
    for contestant in ("plain", "sdlr", "default"):
        settings = QUICK.settings("higgs_7_50_2", contestant, 0) | {"epochs": 1}
        net = make(EXPERIMENTS["higgs_7_50_2"], settings, 120, ())
        nets.append(net.set_params(anneal=0).fit(data.X, data.y).predict_proba(data.X).tolist())
    assert nets[0] == nets[1] == nets[2]


def test_what_is_on_disk_is_not_run_again(tmp_path, small_sets, monkeypatch):
    made = []
    once = _runs.run

    def counted(experiment, settings, *args):
        if len(made) == 5:
            raise KeyboardInterrupt
        made.append(settings)
        return once(experiment, settings, *args)

    monkeypatch.setattr(_runs, "run", counted)
    with pytest.raises(KeyboardInterrupt):
        run_all("higgs_7_50_2", QUICK, tmp_path, load)
    assert len(RunStore(path_of(tmp_path, "higgs_7_50_2")).records) == 5
    monkeypatch.setattr(_runs, "run", once)
    run_all("higgs_7_50_2", QUICK, tmp_path, load)
    assert len(by_name(tmp_path, "higgs_7_50_2")) == 16
    monkeypatch.setattr(_runs, "run", counted)  # would raise
    run_all("higgs_7_50_2", QUICK, tmp_path, load)


def test_what_the_recorder_takes_is_not_counted(tmp_path, small_sets):
    run_all("mnist_1000", Options(epochs=3, seeds=1), tmp_path, load)
    runs = by_name(tmp_path, "mnist_1000")
    assert set(runs) == {("plain", 0), ("sdl", 0)}
    for run in runs.values():
        assert len(run["train_squared_error"]) == len(run["train_error"]) == 3
        assert "test_error" not in run


def test_training_rows_are_watched_for_the_first_seed_only(small_sets):
    experiment, data = EXPERIMENTS["mnist_dnn"], load("mnist")
    watched = [
        list(_runs.rows_to_watch(experiment, QUICK.settings("mnist_dnn", name, seed), data))
        for name, seed in (("sdlr", 0), ("sdlr", 1), ("default", 0))
    ]
    assert watched == [["test", "train"], ["test"], ["test"]]


def test_pretraining_has_its_own_seconds(tmp_path, small_sets):
    run_all("mnist_dbn", Options(epochs=2, seeds=1), tmp_path, load, ["plain"])
    run_all("mnist_dnn", Options(epochs=2, seeds=1), tmp_path, load, ["plain"])
    (dbn,), (dnn,) = (by_name(tmp_path, name).values() for name in ("mnist_dbn", "mnist_dnn"))
    assert dbn["pretraining_seconds"] > 0 == dnn["pretraining_seconds"]
    assert dbn["seconds"] > 0


def test_a_rate_of_ones_own_is_that_of_the_run(small_sets):
    experiment = EXPERIMENTS["higgs_7_50_2"]
    settings = Options(lr=0.25, lr_schedule="constant").settings("higgs_7_50_2", "plain", 0)
    net = make(experiment, settings, 120, ())
    assert (net.lr, net.lr_schedule) == (0.25, None)
    settings = Options().settings("higgs_7_50_2", "plain", 0)
    net = make(experiment, settings, 120, ())
    assert (net.lr, net.lr_schedule) == (experiment.params["lr"], "linear")


def test_a_control_without_its_model_says_so(tmp_path, small_sets):
    with pytest.raises(ValueError, match=r"no run of sDLr"):
        run_all("higgs_7_50_2", QUICK, tmp_path, load, ["random"])


@pytest.mark.parametrize("change", [{"epochs": 3}, {"lr_schedule": "constant"}, {"lr": 0.5}])
def test_other_options_are_other_runs(tmp_path, small_sets, change):
    options = {"epochs": 2, "seeds": 1}
    for some in (options, options | change):
        run_all("higgs_7_50_2", Options(**some), tmp_path, load, ["plain"])
    assert len(RunStore(path_of(tmp_path, "higgs_7_50_2")).records) == 2
