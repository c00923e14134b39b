"""The command: tables and figures from runs, told what it is asked for."""

from __future__ import annotations

import runpy
import sys

import numpy as np
import pytest

from sk_sdlr.reproduce import __main__ as command
from sk_sdlr.reproduce import _runs

QUICK = ["--epochs", "2", "--seeds", "1"]


def test_everything_is_made_and_nothing_is_run_twice(tmp_path, small_sets, monkeypatch, capsys):
    command.main(["all", *QUICK, "--out", str(tmp_path)])
    written = {path.name for path in tmp_path.iterdir()}
    assert {f"{name}_2_epochs.md" for name in command.TABLES} <= written
    figures = {f"{name}_2_epochs.png" for name in command.FIGURES}
    assert figures <= written
    for name in figures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    for title in (
        "MNIST, DNN",
        "MNIST, DBN",
        "CIFAR-10, CNN",
        "Higgs, DNN 7-20",
        "Higgs, DNN 7-50",
        "splic",
    ):
        assert f"**{title}" in printed
    assert "not the paper's 100" in printed
    assert "not the paper's 50" in printed
    monkeypatch.setattr(_runs, "run", lambda *args: 1 / 0)
    command.main(["all", *QUICK, "--out", str(tmp_path)])
    assert capsys.readouterr().out == printed


def test_a_figure_alone_makes_only_its_own_runs(tmp_path, small_sets):
    command.main(["figure9", *QUICK, "--out", str(tmp_path)])
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"mnist_dbn.json", "figure9_2_epochs.png"}
    assert len(_runs.RunStore(tmp_path / "mnist_dbn.json").records) == 2


def test_an_experiment_of_a_table_alone_has_its_own_number_of_seeds(tmp_path, small_sets, capsys):
    command.main(["higgs_7_50_2", "--epochs", "2", "--seeds", "2", "--out", str(tmp_path)])
    assert "2 seeds" in capsys.readouterr().out
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"higgs_7_50_2.json", "higgs_7_50_2_2_epochs.md"}


def test_the_real_splicing_set_takes_the_place_of_the_stand_in(tmp_path, small_sets, monkeypatch):
    monkeypatch.setattr(command._sets, "SPLICING_TRAIN", 60)
    rng = np.random.default_rng(0)
    path = tmp_path / "real.npz"
    np.savez(path, X=rng.normal(size=(90, 4)), Y=rng.random((90, 3)))
    split = command.load_set("splicing", data_home=None, splicing=path)
    assert split.X.shape == (60, 4)
    assert split.y.shape == (60, 3)
    assert command.load_set("splicing", data_home=None, splicing=None).X.shape[1] == 20


def test_runs_on_the_real_splicing_set_are_not_those_on_the_stand_in(
    tmp_path, small_sets, monkeypatch, capsys
):
    monkeypatch.setattr(command._sets, "SPLICING_TRAIN", 60)
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


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["table6"], "invalid choice: 'table6'"),
        (["table2", "--epochs", "0"], "at least 1, however: 0"),
        (["table2", "--lr", "0"], "must be positive, however: 0"),
        (["table2", "--lr", "inf"], "must be positive, however: inf"),
        (["table2", "--seeds", "x"], "invalid positive value: 'x'"),
        (["table2", "--data", "nowhere"], "a folder that is there, however: nowhere"),
        (["table5", "--splicing", "no.npz"], "a file that is there, however: no.npz"),
        (["table2", "--lr-schedule", "cosine"], "invalid choice: 'cosine'"),
    ],
)
def test_what_is_not_understood_is_said_before_any_work(argv, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        command.main([*argv, "--out", str(tmp_path / "new")])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_data_that_are_not_there_end_the_command_without_a_traceback(tmp_path):
    with pytest.raises(SystemExit, match=r"error: movie_ldl/movie_ldl.npz not found .* stands in"):
        command.main(["table5", "--data", str(tmp_path), "--out", str(tmp_path)])


def test_it_is_a_module_to_run(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["reproduce", "--help"])
    monkeypatch.delitem(sys.modules, "sk_sdlr.reproduce.__main__")
    with pytest.raises(SystemExit):
        runpy.run_module("sk_sdlr.reproduce", run_name="__main__")
    assert "table2" in capsys.readouterr().out
