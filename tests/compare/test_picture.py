"""The picture of a comparison has a point a contestant."""

from __future__ import annotations

import matplotlib.pyplot as plt

from sk_sdlr.compare._picture import draw, point_of


def record(contestant, seed, error, seconds, visits, budget=4.0):
    settings = {"contestant": contestant, "seed": seed, "visits": budget}
    return {"settings": settings, "error": error, "seconds": seconds, "visits": visits}


def test_points_are_means_and_what_visits_no_rows_is_on_the_left_only():
    figure = plt.figure()
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
    assert len(figure.legends[0].texts) == 2
    plt.close(figure)


def test_what_is_far_above_the_others_is_marked_and_does_not_squeeze_them():
    figure = plt.figure()
    names = ["all", "fewer", "random", "default", "infobatch", "sdlr"]
    errors = [0.30, 0.31, 0.32, 0.31, 0.30, 0.49]
    draw(figure, [record(name, 0, e, 1.0, 4.0) for name, e in zip(names, errors, strict=True)], "")
    figure.canvas.draw()
    for axes in figure.axes:
        assert 0.32 < axes.get_ylim()[1] < 0.34
        assert [text.get_text() for text in axes.texts] == ["0.49"]
        shown = [point for line in axes.containers for point in line[0].get_ydata().tolist()]
        assert sorted(shown) == sorted(errors[:5])
    assert len(figure.legends[0].texts) == 6
    plt.close(figure)


def test_a_single_run_has_no_spread():
    assert point_of([record("default", 0, 0.1, 1.0, 4.0)]) == (1.0, 0.1, 0.0, 4.0)
