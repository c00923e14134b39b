"""What is not understood is said before any work, in one form by all commands."""

from __future__ import annotations

import re
import runpy
import sys

import pytest

from benchmarks import defaults, weight_decay
from benchmarks.compare import __main__ as compare
from benchmarks.policy_study import __main__ as policy_study
from benchmarks.reproduce import __main__ as reproduce
from benchmarks.speed import __main__ as speed


@pytest.mark.parametrize(
    ("command", "argv", "message"),
    [
        (compare, "", "required: --dataset"),
        (compare, "--dataset higgs --methods best", r"--methods must be among .* Got \['best'\]"),
        (compare, "--dataset higgs --seeds 0", "a whole number, at least 1. Got 0 instead."),
        (compare, "--dataset higs", "mnist, .*, or a file .* that is there. Got 'higs' instead."),
        (compare, "--dataset none.npz", "Got 'none.npz' instead."),
        (compare, "--dataset higgs --data nowhere", "a folder that is there. Got nowhere instead."),
        (compare, "--dataset higgs --visits 0.5", "must be at least 1. Got 0.5 instead."),
        (compare, "--dataset higgs --lr 0", "must be positive and finite. Got 0 instead."),
        (compare, "--dataset higgs --lr nan", "Got nan instead."),
        (reproduce, "table6", "invalid choice: 'table6'"),
        (reproduce, "table2 --epochs 0", "at least 1. Got 0 instead."),
        (reproduce, "table2 --seeds x", "a whole number, at least 1. Got x instead."),
        (reproduce, "table2 --lr inf", "positive and finite. Got inf instead."),
        (reproduce, "table5 --splicing no.npz", "a file that is there. Got no.npz instead."),
        (reproduce, "table2 --lr-schedule cosine", "invalid choice: 'cosine'"),
        (policy_study, "--datasets higs", "Got 'higs' instead."),
        (policy_study, "--datasets wine --methods skorch", r"must be among .* Got \['skorch'\]"),
        (policy_study, "--datasets wine --optimizers lbfgs", r"sgd, .* Got \['lbfgs'\] instead."),
        (
            policy_study,
            "--datasets wine --methods all_rows,random_as_default",
            "--methods must have default beside those that follow it.",
        ),
        (speed, "flight", r"training, .* Got \['flight'\] instead."),
        (speed, "--nets flight", r"--nets must be among higgs, .* Got \['flight'\] instead."),
        (defaults, "--datasets mnist", r"must be among digits, higgs28. Got \['mnist'\] instead."),
        (weight_decay, "--sets wine", r"must be among magic, .* Got \['wine'\] instead."),
        (weight_decay, "--decays 0.1,-1", "must not be negative. Got 0.1,-1 instead."),
    ],
)
def test_what_is_not_understood_is_said_before_any_work(command, argv, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        command.main([*argv.split(), "--out", str(tmp_path / "new")])
    assert re.search(message, " ".join(capsys.readouterr().err.split()))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("command", "argv", "message"),
    [
        (compare, "--dataset higgs", "HIGGS.csv.gz .* not found"),
        (reproduce, "table5", "movie_ldl/movie_ldl.npz not found .* stands in"),
        (policy_study, "--datasets higgs", "HIGGS.csv.gz .* not found"),
        (defaults, "--datasets higgs28", "HIGGS.csv.gz .* not found"),
        (weight_decay, "--sets magic", "tables/magic.csv.gz not found"),
    ],
)
def test_data_that_are_not_there_end_the_command_without_a_traceback(
    command, argv, message, tmp_path
):
    with pytest.raises(SystemExit, match=f"error: {message}"):
        command.main([*argv.split(), "--data", str(tmp_path), "--out", str(tmp_path / "out")])


@pytest.mark.parametrize(
    "name", ["compare", "reproduce", "speed", "policy_study", "defaults", "weight_decay"]
)
def test_it_is_a_module_to_run(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    for module in (f"benchmarks.{name}.__main__", f"benchmarks.{name}"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(SystemExit):
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")
    assert f"python -m benchmarks.{name}" in capsys.readouterr().out
