"""Predictions of numbers, distributions and classes are scored on one scale."""

from __future__ import annotations

import numpy as np

from benchmarks._scores import scores


def test_numbers_are_scored_by_their_variance_and_distributions_by_their_distance():
    class Mean:
        def predict(self, X):
            return np.broadcast_to(self.y.mean(0), self.y.shape)

    net = Mean()
    net.y = np.array([0.0, 2.0])
    assert scores(net, net.y, net.y) == {"error": 1.0}
    net.y = np.eye(2)
    assert scores(net, net.y, net.y) == {"error": 0.5}
