"""scikit-learn's own estimator checks, nothing expected to fail."""

from __future__ import annotations

import pytest
from sklearn.base import is_classifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import Tensor, nn

from sk_sdlr import (
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingCNNRegressor,
    ShrinkingDBNClassifier,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    estimators,
)
from sk_sdlr.estimators._precision import has_bfloat16
from sk_sdlr.policies import POLICIES


class Small(nn.Module):
    """A module as somebody may have it, with torch's own batch norm."""

    def __init__(self, n_inputs: int, n_outputs: int, n_hidden: int = 20) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, n_hidden),
            nn.BatchNorm1d(n_hidden),
            nn.ReLU(),
            nn.Linear(n_hidden, n_outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def of_kind(name: str):
    kind = getattr(estimators, name)
    return kind(Small) if "module" in kind().get_params() else kind()


ALL = [of_kind(name) for name in estimators.__all__]
SMALL = {"hidden_layer_sizes": (16,), "batch_norm": False, "dropout": 0.0, "lr": 0.01}
WITH_POLICY = [
    kind(**SMALL, max_epochs=60, policy=policy())
    for kind in (ShrinkingDNNClassifier, ShrinkingDNNRegressor)
    for policy in POLICIES.values()
]
OTHERWISE = [
    ShrinkingDBNClassifier(pretrain_shrink=True, cd_k=2, persistent=True, pretrain_momentum=0.0),
    ShrinkingClassifier(Small, module__n_hidden=16),
]
IN_BFLOAT16 = [
    kind(precision="bfloat16")
    for kind in (ShrinkingCNNClassifier, ShrinkingCNNRegressor)
    if has_bfloat16("cpu")
]


@parametrize_with_checks(ALL + WITH_POLICY + OTHERWISE + IN_BFLOAT16)
@pytest.mark.filterwarnings("default")  # the checks provoke scikit-learn's own warnings
def test_estimator_passes_scikit_learns_check(estimator, check):
    check(estimator)


def test_there_are_eight_estimators():
    assert len(ALL) == 8
    assert sum(map(is_classifier, ALL)) == 4
