"""How well each estimator learns: a change of the training shows here.

The scores are means over nine seeds. To another machine, which rounds otherwise, seeds are others:
the tolerances are three standard deviations of a mean over three of them.
"""

from __future__ import annotations

import numpy as np
import pytest

from sk_sdlr import (
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingCNNRegressor,
    ShrinkingDBNClassifier,
    ShrinkingDBNRegressor,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    ShrinkingRegressor,
)
from tests.estimators.helpers import PLAIN, Net

OWN = {"module": Net, "module__n_hidden": 20, "lr": 0.02}
CNN = {"layers": [("conv", 8, 3), ("relu",), ("max_pool", 2)], "lr": 0.01, "max_epochs": 6}
DBN = {"pretrain_epochs": 5, "max_epochs": 15}


@pytest.mark.parametrize(
    ("estimator", "data", "score", "tolerance"),
    [
        (ShrinkingDNNClassifier(**PLAIN, lr=0.01), "table", 0.843, 0.025),
        (ShrinkingDNNClassifier((64,), lr=0.01, max_epochs=8), "digits", 0.933, 0.010),
        (ShrinkingDNNRegressor(**PLAIN, lr=0.02, max_epochs=60), "curve", 0.921, 0.03),
        (ShrinkingClassifier(**OWN), "table", 0.842, 0.035),
        (ShrinkingRegressor(**OWN, max_epochs=60), "curve", 0.862, 0.055),
        (ShrinkingCNNClassifier(**CNN), "digits", 0.920, 0.018),
        (ShrinkingCNNRegressor(**CNN), "digits", 0.648, 0.045),
        (ShrinkingDBNClassifier((100, 60), **DBN), "digits", 0.920, 0.010),
        (ShrinkingDBNRegressor((100,), **DBN), "digits", 0.787, 0.015),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_golden_fit(request, estimator, data, score, tolerance):
    X, y = request.getfixturevalue(data)
    cut = len(X) * 2 // 3
    scores = [
        estimator.set_params(random_state=seed).fit(X[:cut], y[:cut]).score(X[cut:], y[cut:])
        for seed in range(3)
    ]
    assert np.mean(scores) == pytest.approx(score, abs=tolerance)
