"""The picture of a comparison has a point a contestant."""

from __future__ import annotations

import matplotlib.pyplot as plt

from sk_sdlr.compare._picture import draw


def record(contestant, seed, error, seconds, visits):
    settings = {"contestant": contestant, "seed": seed}
    return {"settings": settings, "error": error, "seconds": seconds, "visits": visits}


def test_points_are_means_and_what_visits_no_rows_is_on_the_left_only():
    figure = plt.figure()
    runs = [
        record("default", 0, 0.1, 1.0, 4.0),
        record("default", 1, 0.3, 3.0, 4.0),
        record("hist_gradient_boosting", 0, 0.25, 0.5, None),
    ]
    draw(figure, runs, "a title")
    figure.canvas.draw()
    left, right = figure.axes
    points = [tuple(container[0].get_xydata()[0]) for container in left.containers]
    assert points == [(2.0, 0.2), (0.5, 0.25)]
    assert [tuple(c[0].get_xydata()[0]) for c in right.containers] == [(4.0, 0.2)]
    assert len(figure.legends[0].texts) == 2
    plt.close(figure)
