"""Raw tables by all: the command, its processes, its tables and its ranks."""

from __future__ import annotations

import os
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from benchmarks._store import RunStore
from benchmarks.tables import __main__ as command
from benchmarks.tables import _ours, _runs
from benchmarks.tables._encode import AsCategories, one_hot
from benchmarks.tables._methods import TABLE_METHODS, TableMethod, ours
from benchmarks.tables._page import page, table
from benchmarks.tables._picture import draw
from benchmarks.tables._process import THREADS, _environment, _send, in_process
from benchmarks.tables._ranks import mean_ranks, rank_table, ranks
from benchmarks.tables._runs import measure

HERE = [name for name, method in TABLE_METHODS.items() if not method.lacks()]
QUICK = [name for name in HERE if name in ("hist_gradient_boosting", "mlp", "plain_net")]
NEW = [name for name in HERE if name.startswith("members")]


def rows(n_rows=150):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=n_rows), "word": rng.choice(["a", "b", "c"], n_rows)})
    X["flag"] = rng.random(n_rows) > 0.5
    signal = X["x"] + (X["word"] == "a") + 0.1 * rng.normal(size=n_rows)
    X.loc[::10, "x"] = np.nan
    X.loc[5::10, "word"] = np.nan
    return X.assign(answer=np.where(signal > 0.3, "yes", "no"), amount=1000 * signal)


@pytest.fixture
def path(tmp_path):
    rows().to_csv(tmp_path / "mine.csv", index=False)
    return str(tmp_path / "mine.csv")


@pytest.fixture
def here(monkeypatch):
    """Make runs in this process, with one epoch of ours."""

    class Sent(list):
        send = list.append

    def run_here(function, *arguments, limit, n_threads):
        sent = Sent()
        with warnings.catch_warnings():
            _send(sent, function, *arguments)
        return {"status": "done"} | sent[-1]

    monkeypatch.setattr(_runs, "in_process", run_here)
    monkeypatch.setattr(_runs, "N_PREDICTED", 1000)
    monkeypatch.setitem(_ours.TRAINING, "max_epochs", 1)


@pytest.mark.parametrize(("target", "score"), [("answer", "log loss"), ("amount", "RMSE")])
def test_a_file_has_its_page_and_its_picture(
    path, here, target, score, tmp_path, monkeypatch, capsys
):
    arguments = ["--file", path, "--target", target, "--methods", ",".join(QUICK), "--seeds", "2"]
    arguments += ["--control", "mlp", "--out", str(tmp_path / "out")]
    command.main(arguments)
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {"mine.json", "mine.md", "mine.png"}
    printed = capsys.readouterr().out
    assert (out / "mine.md").read_text() in printed
    assert score in printed
    assert "120 rows to train on, 30 to test on" in printed
    runs = list(RunStore(out / "mine.json"))
    assert [run["settings"]["model"] for run in runs] == QUICK * 2  # they alternate
    assert {run["status"] for run in runs} == {"done"}
    monkeypatch.setattr(_runs, "run", lambda *args: 1 / 0)
    command.main(arguments)
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize("name", [name for name in HERE if name not in QUICK + NEW[1:]])
@pytest.mark.parametrize("target", ["answer", "amount"])
def test_every_method_that_is_here_takes_a_raw_table(path, here, name, target):
    if TABLE_METHODS[name].package == "pytabkit":
        pytest.skip("its shortest fit is long")
    settings = {"dataset": path, "target": target, "model": name, "seed": 0, "threads": 1}
    record = _runs.run(None, 60, settings)
    assert record["status"] == "done", record
    assert {"seconds", "predict_seconds", "error", "bytes_above_data", "version"} <= set(record)
    assert ("auc" in record) == (target == "answer")


def test_a_run_has_a_process_of_its_own(path):
    settings = {"dataset": path, "target": "answer", "model": "hist_gradient_boosting"}
    settings |= {"seed": 0, "threads": 1}
    record = in_process(measure, settings, None, limit=100, n_threads=1)
    assert record["status"] == "done"
    assert record["error"] < 0.5
    assert record["bytes_above_data"] >= 0


def test_what_takes_too_long_or_fails_or_ends_is_a_result():
    settings = {"dataset": "none.csv", "target": "y", "model": "mlp", "seed": 0, "threads": 1}
    late = in_process(measure, settings, None, limit=0.001, n_threads=1)
    assert late == {"status": "not done", "limit": 0.001}
    failed = in_process(measure, settings, None, limit=100, n_threads=1)
    assert failed["status"] == "failed"
    assert failed["why"].startswith("FileNotFoundError: ")
    ended = in_process(os._exit, 3, limit=100, n_threads=1)
    assert ended == {"status": "failed", "why": "its process ended with 3"}


def test_the_environment_is_put_back(monkeypatch):
    first, *others = THREADS
    monkeypatch.setenv(first, "7")
    for name in others:
        monkeypatch.delenv(name, raising=False)
    with _environment(3):
        assert [os.environ[name] for name in THREADS] == ["3"] * len(THREADS)
    assert os.environ[first] == "7"
    assert not set(others) & set(os.environ)


def test_what_was_given_up_is_tried_again_with_more_seconds(tmp_path, monkeypatch):
    store = RunStore(tmp_path / "runs.json")
    wanted = _runs.settings_of({"dataset": "a"}, ["mlp", "skorch", "xgboost"], 1, 1.0, 2)
    results = {"status": "not done", "limit": 10}, {"status": "failed", "why": "x"}, done(0.1)
    for settings, result in zip(wanted, results, strict=True):
        store.add(settings, result)
    made = []
    monkeypatch.setattr(_runs, "run", lambda home, limit, s: made.append(s["model"]) or done(0.2))
    _runs.run_missing(store, wanted, None, 10)
    assert made == ["skorch"]
    _runs.run_missing(store, wanted, None, 20)
    assert made == ["skorch", "mlp"]
    assert len(store.records) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "forest"], "--methods must be among"),
        (["--sets", "iris"], "--sets must be among"),
        (["--control", "forest"], "--control must be among"),
        (["--file", "a.csv"], "--file and --target"),
    ],
)
def test_a_mistake_ends_the_command(arguments, message, capsys):
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert message in capsys.readouterr().err


def test_a_file_that_is_not_there_ends_the_command(tmp_path):
    with pytest.raises(SystemExit, match=r"none\.csv"):
        command.main(["--file", "none.csv", "--target", "y", "--out", str(tmp_path)])


def test_what_is_not_installed_is_left_out_and_named(path, here, tmp_path, monkeypatch, capsys):
    absent = ours("a net of tomorrow", no_such_parameter=1)
    assert absent.lacks() == "there is no parameter 'no_such_parameter'"
    nowhere = TableMethod("trees from nowhere", print, "no_such_package")
    assert nowhere.lacks() == "not installed"
    monkeypatch.setitem(TABLE_METHODS, "members_1", absent)
    monkeypatch.setitem(TABLE_METHODS, "xgboost", nowhere)
    arguments = ["--file", path, "--target", "answer", "--seeds", "1", "--out", str(tmp_path)]
    command.main([*arguments, "--methods", "mlp,xgboost,members_1", "--control", "mlp"])
    printed = capsys.readouterr().out
    assert "trees from nowhere is left out: not installed." in printed
    assert "a net of tomorrow is left out: there is no parameter 'no_such_parameter'." in printed
    assert [run["settings"]["model"] for run in RunStore(tmp_path / "mine.json")] == ["mlp"]


def done(error, seconds=1.0, **more):
    found = {"error": error, "log_loss": 2 * error, "auc": 1 - error, "seconds": seconds}
    found |= {"predict_seconds": 0.5, "bytes_above_data": 3e6, "version": "1", "rows": [80, 20]}
    return {"status": "done"} | found | more


def record(model, result, seed=0, dataset="magic"):
    settings = {"dataset": dataset, "model": model, "seed": seed, "share": 1.0, "threads": 2}
    environment = {"cores": 2, "processor": "processor", "versions": {"torch": "2"}}
    return {"settings": settings, **result, "environment": environment}


NOT_DONE = {"status": "not done", "limit": 60.0}
RUNS = [
    record("mlp", done(0.4, 3.0)),
    record("lightgbm", done(0.2, 1.0)),
    record("lightgbm", done(0.3, 2.0), seed=1),
    record("mlp", done(0.3, 5.0), seed=1),
    record("tabm", NOT_DONE),
    record("xgboost", {"status": "failed", "why": "ValueError: no"}),
    record("mlp", done(0.1), dataset="letter"),
    record("lightgbm", done(0.1, log_loss=0.1), dataset="letter"),
    record("catboost", done(0.05), dataset="letter"),
]


def cells(text, label):
    line = next(line for line in text.splitlines() if line.startswith(f"| {label} "))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def test_differences_and_ratios_are_within_a_seed():
    text = table([run for run in RUNS if run["settings"]["dataset"] == "magic"], "lightgbm")
    ours = cells(text, "scikit-learn MLP")
    assert ours[:5] == ["0.3500 ± 0.0707", "+0.1000 ± 0.1000", "1.500", "0.6500", "0.7"]
    assert ours[5:] == ["4", "0.5", "3", "2"]
    assert cells(text, "LightGBM")[1:3] == ["", ""]
    assert cells(text, "TabM-D")[0] == "not done in 60 s"
    assert cells(text, "XGBoost")[0] == "failed: ValueError: no"
    assert text.index("LightGBM") < text.index("scikit-learn MLP") < text.index("TabM-D")


def test_equal_ones_share_a_rank_and_what_was_not_done_the_last():
    found = ranks(RUNS, TABLE_METHODS, ("error",))
    assert found["magic"] == {"lightgbm": 1.0, "mlp": 2.0, "tabm": 3.5, "xgboost": 3.5}
    assert found["letter"] == {"catboost": 1.0, "lightgbm": 2.5, "mlp": 2.5}
    assert mean_ranks(found) == {
        "catboost": 1.0,
        "lightgbm": 1.75,
        "mlp": 2.25,
        "xgboost": 3.5,
        "tabm": 3.5,
    }
    assert list(mean_ranks(found))[:3] == ["catboost", "lightgbm", "mlp"]
    assert ranks(RUNS, ["mlp", "tabm"], ("error",))["magic"] == {"mlp": 1.0, "tabm": 2.0}
    by_loss = ranks(RUNS, ["mlp", "lightgbm"], ("log_loss", "rmse"))
    assert by_loss["letter"] == {"lightgbm": 1.0, "mlp": 2.0}


def test_ranks_have_a_table():
    text = rank_table(RUNS, ["lightgbm", "mlp", "catboost"])
    assert cells(text, "LightGBM") == ["1.75", "1.25", "1", "2.5"]
    assert cells(text, "CatBoost")[2:] == ["", "1"]


def test_the_page_has_all_parts():
    text = page(RUNS, "lightgbm", lacking={"tabm": "not installed"}, picture="a.png")
    assert "Left out: TabM-D, not installed." in text
    assert "Measured on processor, 2 cores; torch 2, lightgbm 1" in text
    assert text.index("Ranks among the defaults") < text.index("a.png") < text.index("## magic")


def test_a_set_has_a_panel_and_a_method_a_point():
    figure = plt.figure()
    draw(figure, RUNS)
    figure.canvas.draw()
    panels = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert set(panels) == {"magic", "letter"}
    points = [tuple(line.get_xydata()[0]) for line in panels["magic"].lines]
    assert points == [(1.5, 0.25), (4.0, pytest.approx(0.35))]
    assert len(figure.legends[0].texts) == 3
    plt.close(figure)


def test_categories_are_those_of_the_training_rows():
    train = pd.DataFrame(
        {"word": ["a", "b", "a", None, "c", "b", "a"], "x": [1.0, None, *[3.0] * 5]}
    )
    test = pd.DataFrame({"word": ["c", "d", None], "x": [None, 2.0, 2.0]})
    found = AsCategories().fit(train).transform(test)
    assert list(found["word"].isna()) == [False, True, True]
    assert set(found["word"].cat.categories) == {"a", "b", "c"}
    assert list(found["x"].isna()) == [True, False, False]
    few = AsCategories(max_categories=2).fit(train).transform(test)
    assert list(few["word"].cat.categories) == ["a", "b"]
    words = AsCategories(fill="words").fit(train).transform(test)
    assert list(words["word"]) == ["c", "missing", "missing"]
    assert words["x"].isna().any()
    filled = AsCategories(fill="all").fit(train).transform(test)
    assert list(filled["x"]) == [3.0, 2.0, 2.0]


def test_one_hot_tables_are_numbers_without_gaps():
    table = rows().drop(columns=["answer", "amount"])
    encoder = one_hot("passthrough").fit(table[:120])
    found = encoder.transform(table[120:].assign(word="unseen"))
    assert found.shape == (30, 2 + 4)  # the gap is a category, too
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert not found[:, 2:].any()
    assert set(np.unique(encoder.transform(table)[:, 2:])) == {0, 1}
