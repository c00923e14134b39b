"""Predictions of numbers, distributions and classes are scored on one scale."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks._scores import scores


def test_numbers_are_scored_by_their_variance_and_distributions_by_their_distance():
    class Mean:
        def predict(self, X):
            return np.broadcast_to(self.y.mean(0), self.y.shape)

    net = Mean()
    net.y = np.array([0.0, 2.0])
    assert scores(net, net.y, net.y) == {"error": 1.0, "rmse": 1.0}
    net.y = np.eye(2)
    assert scores(net, net.y, net.y) == {"error": 0.5}


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_have_an_area_under_the_curve_if_all_are_there(n_classes):
    class Sure:
        classes_ = np.arange(n_classes)

        def predict_proba(self, X):
            return np.eye(n_classes)[X] * 0.8 + 0.1

    y = np.arange(n_classes)
    found = scores(Sure(), y, y)
    assert (found["error"], found["auc"]) == (0.0, 1.0)
    assert found["log_loss"] == pytest.approx(np.log((0.8 + 0.1 * n_classes) / 0.9))
    assert scores(Sure(), np.roll(y, 1), y)["auc"] < 0.5
    assert "auc" not in scores(Sure(), y[1:], y[1:])
    assert ("average_precision" in found) == (n_classes == 2)
