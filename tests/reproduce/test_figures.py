"""Figures show the runs that they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from sk_sdlr.reproduce._figures import FIGURES


def run(contestant, **values):
    return {"settings": {"contestant": contestant, "seed": 0}, "error": 0.1} | values


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
    for name, value in (("plain", 0.2), ("sdl", 0.1), ("sdlr", 0.05))
]


@pytest.fixture
def figure():
    yield plt.figure()
    plt.close("all")


@pytest.mark.parametrize(
    ("name", "panels", "net"),
    [
        ("figure5", 2, "DNN"),
        ("figure6", 2, "DNN"),
        ("figure9", 2, "DBN"),
        ("figure10", 2, "CNN"),
    ],
)
def test_a_line_a_contestant_under_the_papers_names(figure, name, panels, net):
    FIGURES[name](figure, RUNS)
    assert len(figure.axes) == panels
    for axes in figure.axes:
        assert [line.get_label() for line in axes.lines] == [net, f"s{net}", f"s{net}r"]
        assert all(list(line.get_xdata()) == [1, 2] for line in axes.lines)
    figure.canvas.draw()


def test_squared_errors_are_of_all_rows_and_of_those_visited(figure):
    FIGURES["figure2"](figure, RUNS[:2])
    plain, shrinking, active = figure.axes[0].lines
    assert list(plain.get_ydata()) == list(shrinking.get_ydata()) == [9, 5]
    assert list(active.get_ydata()) == pytest.approx([9, 4.8])


def test_active_rows_are_in_thousands(figure):
    FIGURES["figure6"](figure, RUNS)
    assert list(figure.axes[1].lines[0].get_ydata()) == [60, 48]


def test_stop_thresholds_have_their_curves_and_the_plain_net_a_line(figure):
    runs = [run(f"t={t}", test_error=[0.3, t]) for t in (0.1, 0.4)] + RUNS[:1]
    FIGURES["figure7"](figure, runs)
    left, right = figure.axes
    assert [line.get_label() for line in left.lines] == ["t = 10%", "t = 40%"]
    assert len(right.lines) == 3


def test_thresholds_have_a_point_a_batch(figure):
    FIGURES["figure8"](figure, {"threshold": [1, 3, 2], "smoothed": [1, 2, 2]})
    raw, smoothed = figure.axes[0].lines
    assert list(raw.get_xdata()) == [1, 2, 3]
    assert list(smoothed.get_ydata()) == [1, 2, 2]


def test_the_first_seed_is_shown(figure):
    later = run("plain", train_squared_error=[1, 1, 1])
    later["settings"]["seed"] = 1
    FIGURES["figure2"](figure, [later, RUNS[0]])
    assert list(figure.axes[0].lines[0].get_ydata()) == [9, 5]
