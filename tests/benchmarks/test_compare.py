"""The comparison: a table and a picture of a set."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from benchmarks.compare import __main__ as command
from benchmarks.compare import _runs
from benchmarks.compare._picture import draw, point_of

QUICK = ["--visits", "2", "--seeds", "2", "--methods", "all_rows,default,sklearn_mlp"]


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
    monkeypatch.setattr(_runs, "run", lambda *args: 1 / 0)
    command.main(arguments)
    assert capsys.readouterr().out == printed


def test_other_visits_and_other_files_of_the_name_are_other_tables(file, tmp_path, capsys):
    other = tmp_path / "other" / "mine.npz"
    other.parent.mkdir()
    other.write_bytes(Path(file).read_bytes())
    arguments = ["--seeds", "1", "--methods", "all_rows", "--out", str(tmp_path / "out")]
    for dataset, visits in ((file, "2"), (file, "3"), (str(other), "2")):
        command.main(["--dataset", dataset, "--visits", visits, *arguments])
        rows = [line for line in capsys.readouterr().out.splitlines() if "control" in line]
        (cells,) = ([cell.strip() for cell in row.strip("|").split("|")] for row in rows[1:])
        assert cells[0] == "control: all rows"
        assert cells[-2:] == [f"{visits}.0 n", "1"]


def test_another_rate_is_another_table_and_what_has_its_own_is_not_run_again(file, tmp_path):
    arguments = ["--dataset", file, *QUICK, "--out", str(tmp_path)]
    command.main(arguments)
    command.main([*arguments, "--lr", "0.05"])
    usual, other = ((tmp_path / f"mine{rate}.md").read_text() for rate in ("", "_lr_0.05"))
    assert "learning rate 0.002**" in usual
    assert "learning rate 0.05**" in other
    runs = json.loads((tmp_path / "mine.json").read_text())["runs"]
    assert [run["settings"].get("lr") for run in runs].count(None) == 2
    assert len(runs) == 2 * (3 + 2)


def test_budgets_are_compared_one_by_one_and_the_longest_has_its_double(file, tmp_path, capsys):
    names = ["--seeds", "1", "--methods", "all_rows,twice"]
    command.main(["--dataset", file, "--visits", "3,2", *names, "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert printed.index("**3 visits") < printed.index("**2 visits")
    assert printed.count("control: all rows") == 2
    assert printed.count("twice the visits") == 1


def record(method, seed, error, seconds, visits, budget=4.0):
    settings = {"method": method, "seed": seed, "visits": budget}
    return {"settings": settings, "error": error, "seconds": seconds, "visits": visits}


@pytest.fixture
def figure():
    yield plt.figure()
    plt.close("all")


def test_points_are_means_and_what_visits_no_rows_is_on_the_left_only(figure):
    runs = [
        record("default", 0, 0.1, 1.0, 4.0),
        record("default", 1, 0.3, 3.0, 4.0),
        record("default", 0, 0.4, 0.5, 2.0, budget=2.0),
        record("hist_gradient_boosting", 0, 0.25, 0.5, None),
    ]
    draw(figure, runs, "a title")
    figure.canvas.draw()
    left, right = figure.axes
    points = [container[0].get_xydata().tolist() for container in left.containers]
    assert points == [[[0.5, 0.4], [2.0, 0.2]], [[0.5, 0.25]]]
    assert [c[0].get_xydata().tolist() for c in right.containers] == [[[2.0, 0.4], [4.0, 0.2]]]
    assert [line.get_ydata()[0] for line in right.lines if line.get_linestyle() == ":"] == [0.25]
    assert point_of(runs[:1]) == (1.0, 0.1, 0.0, 4.0)


def test_what_is_far_above_the_others_is_marked_and_does_not_squeeze_them(figure):
    names = ["twice", "all_rows", "random_rows", "default", "infobatch", "sdlr_eq9"]
    errors = [0.30, 0.31, 0.32, 0.31, 0.30, 0.49]
    draw(figure, [record(name, 0, e, 1.0, 4.0) for name, e in zip(names, errors, strict=True)], "")
    figure.canvas.draw()
    for axes in figure.axes:
        assert 0.32 < axes.get_ylim()[1] < 0.34
        assert [text.get_text() for text in axes.texts] == ["0.49"]
    assert len(figure.legends[0].texts) == 6
