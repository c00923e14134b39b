"""scikit-learn's own estimator checks, nothing expected to fail."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sk_sdlr import ShrinkingDNNClassifier, ShrinkingDNNRegressor
from sk_sdlr.policies import POLICIES

SMALL = {"hidden_layer_sizes": (20,), "batch_norm": False, "dropout": 0.0, "lr": 0.01}
ESTIMATORS = [ShrinkingDNNClassifier(), ShrinkingDNNRegressor()]
WITH_POLICY = [
    kind(**SMALL, max_epochs=60, policy=policy())
    for kind in (ShrinkingDNNClassifier, ShrinkingDNNRegressor)
    for policy in POLICIES.values()
]


@parametrize_with_checks(ESTIMATORS + WITH_POLICY)
@pytest.mark.filterwarnings("default")  # the checks provoke scikit-learn's own warnings
def test_estimator_passes_scikit_learns_check(estimator, check):
    check(estimator)
