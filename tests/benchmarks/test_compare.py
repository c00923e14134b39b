"""The command: a table and a picture of a set, told what it is asked for."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from sk_sdlr.compare import __main__ as command

QUICK = ["--visits", "2", "--seeds", "2", "--contestants", "fewer,default,sklearn_mlp"]


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    np.savez(tmp_path / "mine.npz", X=X, y=np.where(X[:, 0] > 0, "yes", "no"))
    return str(tmp_path / "mine.npz")


def test_a_file_of_ones_own_has_its_table_and_its_picture(file, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    arguments = ["--dataset", file, *QUICK, "--out", str(out)]
    command.main(arguments)
    assert {path.name for path in out.iterdir()} == {"mine.json", "mine.md", "mine.png"}
    assert (out / "mine.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert (out / "mine.md").read_text() in printed
    assert 'this package, t="auto"' in printed
    assert "scikit-learn MLP" in printed
    monkeypatch.setattr(command, "run", lambda *args: 1 / 0)
    command.main(arguments)
    assert capsys.readouterr().out == printed


def test_other_visits_and_other_files_of_the_name_are_other_tables(file, tmp_path, capsys):
    other = tmp_path / "other" / "mine.npz"
    other.parent.mkdir()
    other.write_bytes(Path(file).read_bytes())
    arguments = ["--seeds", "1", "--contestants", "fewer", "--out", str(tmp_path / "out")]
    for dataset, visits in ((file, "2"), (file, "3"), (str(other), "2")):
        command.main(["--dataset", dataset, "--visits", visits, *arguments])
        rows = [line for line in capsys.readouterr().out.splitlines() if "control" in line]
        (cells,) = ([cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:])
        assert cells[0] == "control: all rows"
        assert cells[-2:] == [f"{visits}.0 n", "1"]


def test_another_rate_is_another_table_and_what_has_its_own_is_not_run_again(
    file, tmp_path, capsys
):
    arguments = ["--dataset", file, *QUICK, "--out", str(tmp_path)]
    command.main(arguments)
    command.main([*arguments, "--lr", "0.05"])
    usual, other = ((tmp_path / f"mine{rate}.md").read_text() for rate in ("", "_lr_0.05"))
    assert "learning rate 0.002**" in usual
    assert "learning rate 0.05**" in other
    errors = [
        {line.split("|")[1].strip(): line.split("|")[2].strip() for line in text.splitlines()[2:]}
        for text in (usual, other)
    ]
    assert errors[0]["scikit-learn MLP"] == errors[1]["scikit-learn MLP"]
    assert errors[0]["control: all rows"] != errors[1]["control: all rows"]
    runs = json.loads((tmp_path / "mine.json").read_text())["runs"]
    assert [run["settings"].get("lr") for run in runs].count(None) == 2
    assert len(runs) == 2 * (3 + 2)


def test_budgets_are_compared_one_by_one_and_the_longest_has_its_double(file, tmp_path, capsys):
    names = ["--seeds", "1", "--contestants", "fewer,all"]
    command.main(["--dataset", file, "--visits", "3,2", *names, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert printed.index("**3 visits") < printed.index("**2 visits")
    assert printed.count("control: all rows") == 2
    assert printed.count("twice the visits") == 1


def test_an_interrupted_comparison_goes_on(file, tmp_path, monkeypatch):
    once, made = command.run, []

    def interrupted(*args):
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append(args[0])
        return once(*args)

    arguments = ["--dataset", file, *QUICK, "--out", str(tmp_path)]
    monkeypatch.setattr(command, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        command.main(arguments)
    monkeypatch.setattr(command, "run", lambda *args: made.append(args[0]) or once(*args))
    command.main(arguments)
    assert made == ["fewer", "default", "sklearn_mlp"] * 2


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "required: --dataset"),
        (["--dataset", "higgs", "--contestants", "best"], r"however: ['best']"),
        (["--dataset", "higgs", "--seeds", "0"], "at least 1, however: 0"),
        (["--dataset", "higs"], "mnist, mnist_1000, cifar10, higgs, higgs28, splicing, or a file"),
        (["--dataset", "none.npz"], "however: 'none.npz'"),
        (["--dataset", "higgs", "--data", "nowhere"], "a folder that is there, however: nowhere"),
        (["--dataset", "higgs", "--visits", "0.5"], "at least 1, however: 0.5"),
        (["--dataset", "higgs", "--lr", "0"], "must be positive, however: 0"),
        (["--dataset", "higgs", "--lr", "nan"], "must be positive, however: nan"),
    ],
)
def test_what_is_not_understood_is_said_before_any_work(argv, message, tmp_path, capsys):
    with pytest.raises(SystemExit):
        command.main([*argv, "--out", str(tmp_path / "new")])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_data_that_are_not_there_end_the_command_without_a_traceback(tmp_path):
    with pytest.raises(SystemExit, match=r"error: HIGGS.csv.gz .* not found"):
        command.main(
            ["--dataset", "higgs", "--data", str(tmp_path), "--out", str(tmp_path / "new")]
        )
    assert not (tmp_path / "new").exists()


def test_it_is_a_module_to_run(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["compare", "--help"])
    monkeypatch.delitem(sys.modules, "sk_sdlr.compare.__main__")
    with pytest.raises(SystemExit):
        runpy.run_module("sk_sdlr.compare", run_name="__main__")
    assert "--dataset" in capsys.readouterr().out
