"""The paper's experiments: tables and figures from runs."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from benchmarks._store import RunStore
from benchmarks.data import load
from benchmarks.reproduce import __main__ as command
from benchmarks.reproduce import _runs, _thresholds
from benchmarks.reproduce._experiments import EXPERIMENTS, IN_TABLES
from benchmarks.reproduce._figures import FIGURES
from benchmarks.reproduce._paper import REPORTED
from benchmarks.reproduce._runs import Options, net_of, run_all

QUICK = ["--epochs", "2", "--seeds", "1"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_epochs_batches_and_nets_are_the_papers(name):
    experiment = EXPERIMENTS[name]
    assert experiment.epochs == (50 if name.endswith("cnn") else 100)
    params = experiment.net.params
    assert (params["batch_size"], params["dropout"]) == (100, 0)
    assert not params.get("batch_norm")
    sizes, activation = {
        "mnist_dbn": ((1000,), "sigmoid"),
        "higgs_7_20_20_2": ((20, 20), "sigmoid"),
        "higgs_7_50_2": ((50,), "sigmoid"),
        "splicing": ((100,), "tanh"),
    }.get(name, ((1000,), "tanh"))
    if experiment.net.kind != "cnn":
        assert (params["hidden_layer_sizes"], params["activation"]) == (sizes, activation)


@pytest.mark.parametrize("name", REPORTED)
def test_the_papers_own_columns_agree(name):
    paper = REPORTED[name]
    improvement = 1 - paper.shrinking_error / paper.error
    assert improvement == pytest.approx(paper.improvement, abs=0.0009)
    assert paper.seconds / paper.shrinking_seconds == pytest.approx(paper.speedup, abs=0.01)


@pytest.mark.parametrize("target", ["table2", "table4", "table5", "figure2", "figure7", "figure8"])
def test_a_target_is_made_and_nothing_is_run_twice(
    target, tmp_path, small_sets, monkeypatch, capsys
):
    for name, experiment in EXPERIMENTS.items():
        some = ("all_rows", "sdlr", "random_as_sdlr")
        monkeypatch.setitem(EXPERIMENTS, name, replace(experiment, methods=some))
    command.main([target, *QUICK, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    if target.startswith("table"):
        assert (tmp_path / f"{target}_2_epochs.md").read_text() in printed
        for name in command.TABLES[target]:
            assert f"**{EXPERIMENTS[name].title}**" in printed
        assert "not the paper's" in printed
    else:
        picture = tmp_path / f"{target}_2_epochs.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(_runs, "run", lambda *args: 1 / 0)
    command.main([target, *QUICK, "--out", str(tmp_path)])
    assert capsys.readouterr().out == printed


def test_an_experiment_alone_has_its_own_number_of_seeds(tmp_path, small_sets, capsys):
    command.main(["higgs_7_50_2", "--epochs", "2", "--seeds", "2", "--out", str(tmp_path)])
    assert "2 seeds" in capsys.readouterr().out
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"higgs_7_50_2.json", "higgs_7_50_2_2_epochs.md"}


def test_runs_on_the_real_splicing_set_are_not_those_on_the_stand_in(
    tmp_path, small_sets, monkeypatch, capsys
):
    monkeypatch.setattr(command, "SPLICING_TRAIN", 60)
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "real.npz", X=rng.normal(size=(90, 4)), Y=rng.random((90, 3)))
    out = ["--out", str(tmp_path / "out")]
    command.main(["table5", *QUICK, *out])
    assert "The set is a stand-in" in capsys.readouterr().out
    command.main(["table5", *QUICK, *out, "--splicing", str(tmp_path / "real.npz")])
    printed = capsys.readouterr().out
    assert "The set is real.npz." in printed
    assert "stand-in" not in printed
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"splicing.json", "table5_2_epochs.md", "table5_2_epochs_real.md"}


def test_all_methods_are_run_and_visit_what_they_should(tmp_path, small_sets):
    run_all("higgs_7_50_2", Options(epochs=10, seeds=1), tmp_path, load)
    store = RunStore(tmp_path / "higgs_7_50_2.json")
    sizes = {run["settings"]["method"]: run["n_active"] for run in store}
    assert list(sizes) == list(IN_TABLES)
    assert sizes["all_rows"] == [120] * 10
    assert sizes["sdlr"] == [120, 96, 77, 62, 50, 40, 32, 26, 21, 120]
    assert sizes["sdl"] == [120, 96, 77, 62, 50, 40, 32, 26, 21, 21]
    assert sizes["random_as_sdlr"] == sizes["sdlr"]
    assert sum(sizes["fewer_as_sdlr"]) == sum(sizes["sdlr"])
    assert sum(sizes["default_visits"]) == 1200
    for run in store:
        assert len(run["duration"]) == len(run["n_active"])
        assert run["seconds"] > 0


def test_pretraining_has_its_own_seconds_and_rows_are_watched(tmp_path, small_sets):
    options = Options(epochs=2, seeds=2)
    for name in ("mnist_dbn", "mnist_dnn"):
        run_all(name, options, tmp_path, load, ["all_rows"])
    dbn, dnn = (RunStore(tmp_path / f"{name}.json").records for name in ("mnist_dbn", "mnist_dnn"))
    assert dbn[0]["pretraining_seconds"] > 0 == dnn[0]["pretraining_seconds"]
    assert [len(run["test_error"]) for run in dnn] == [2, 2]
    assert ["train_error" in run for run in dnn] == [True, False]  # of the first seed


@pytest.mark.parametrize("change", [{"epochs": 3}, {"lr_schedule": "constant"}, {"lr": 0.5}])
def test_other_options_are_other_runs(tmp_path, small_sets, change):
    options = {"epochs": 2, "seeds": 1}
    for some in (options, options | change):
        run_all("higgs_7_50_2", Options(**some), tmp_path, load, ["all_rows"])
    assert len(RunStore(tmp_path / "higgs_7_50_2.json").records) == 2


def test_a_rate_of_ones_own_is_that_of_the_run(small_sets):
    experiment, data = EXPERIMENTS["higgs_7_50_2"], load("higgs")
    for options, wanted in (
        (Options(lr=0.25, lr_schedule="constant"), (0.25, None)),
        (Options(), (4.0, "linear")),
    ):
        settings = options.settings("higgs_7_50_2", "all_rows", 0)
        net = net_of(experiment, settings).make(data)
        assert (net.lr, net.lr_schedule) == wanted


def test_smoothed_thresholds_follow_equation_9_and_are_kept(tmp_path, small_sets, monkeypatch):
    monkeypatch.setattr(_thresholds, "BATCH_SIZE", 30)
    record = _thresholds.measure(Options(epochs=2), tmp_path, load)
    raw, smoothed = record["threshold"], record["smoothed"]
    assert len(raw) == len(smoothed) == 4
    wanted = [raw[0]]
    for threshold in raw[1:]:
        wanted.append(0.5 * wanted[-1] + 0.5 * threshold)
    assert smoothed == pytest.approx(wanted)
    assert np.std(raw) > 0
    again = _thresholds.measure(Options(epochs=2), tmp_path, lambda name: 1 / 0)
    assert again == record


def run(method, **values):
    return {"settings": {"method": method, "seed": 0}, "error": 0.1} | values


RUNS = [
    run(
        name,
        test_error=[0.3, value],
        train_error=[0.2, value],
        train_squared_error=[9, 5],
        train_loss=[1.5e-4, 1e-4],
        duration=[1.0, value],
        n_active=[60_000, 48_000],
    )
    for name, value in (("all_rows", 0.2), ("sdl", 0.1), ("sdlr", 0.05))
]


@pytest.fixture
def figure():
    yield plt.figure()
    plt.close("all")


@pytest.mark.parametrize(
    ("name", "net"),
    [("figure5", "DNN"), ("figure6", "DNN"), ("figure9", "DBN"), ("figure10", "CNN")],
)
def test_a_line_a_method_under_the_papers_names(figure, name, net):
    FIGURES[name](figure, RUNS)
    assert len(figure.axes) == 2
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == [net, f"s{net}", f"s{net}r"]
        assert all(list(line.get_xdata()) == [1, 2] for line in axes.lines)
    if name == "figure6":
        assert list(figure.axes[1].lines[0].get_ydata()) == [60, 48]


def test_squared_errors_are_of_all_rows_and_of_those_visited_by_the_first_seed(figure):
    later = run("all_rows", train_squared_error=[1, 1, 1])
    later["settings"]["seed"] = 1
    FIGURES["figure2"](figure, [later, *RUNS[:2]])
    plain, shrinking, active = figure.axes[0].lines
    assert list(plain.get_ydata()) == list(shrinking.get_ydata()) == [9, 5]
    assert list(active.get_ydata()) == pytest.approx([9, 4.8])


def test_stop_thresholds_and_thresholds_have_their_lines(figure):
    runs = [run(f"sdlr_t{t}", test_error=[0.3, t]) for t in (0.1, 0.4)] + RUNS[:1]
    FIGURES["figure7"](figure, runs)
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["t = 10%", "t = 40%"]
    assert len(right.lines) == 3
    figure.clear()
    FIGURES["figure8"](figure, {"threshold": [1, 3, 2], "smoothed": [1, 2, 2]})
    raw, smoothed = figure.axes[0].lines
    assert list(raw.get_xdata()) == [1, 2, 3]
    assert list(smoothed.get_ydata()) == [1, 2, 2]
