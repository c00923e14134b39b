"""scikit-learn's own estimator checks, nothing expected to fail."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from sk_sdlr import ShrinkingCNNClassifier, ShrinkingDBNClassifier, ShrinkingDNNClassifier
from sk_sdlr import estimators as package
from sk_sdlr.estimators._dtypes import has_bfloat16
from sk_sdlr.policies import POLICIES
from tests.estimators.helpers import PLAIN


class Small(nn.Module):
    """A module as somebody may have it, with torch's own batch norm."""

    def __init__(self, n_inputs, n_outputs, n_hidden=20):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, n_hidden),
            nn.BatchNorm1d(n_hidden),
            nn.ReLU(),
            nn.Linear(n_hidden, n_outputs),
        )

    def forward(self, x):
        return self.layers(x)


KINDS = [getattr(package, name) for name in package.__all__]
# A third of the epochs, at a higher rate, and small nets: the data of the checks are easy.
SHORT = {"max_epochs": 10, "lr": 0.01}
LAYERS = [("conv", 8, 3, 1), ("relu",), ("linear", 32), ("relu",)]
SMALL = {
    "hidden_layer_sizes": (32,),
    "pretrain_epochs": 3,
    "layers": LAYERS,
    "module": Small,
    "module__n_hidden": 16,
}


def of_each_kind(**params):
    """Return one of each of the eight estimators, with those of the parameters that it has."""
    module = {"module": Small}
    estimators = [kind(**module if "module" in kind().get_params() else {}) for kind in KINDS]
    return [
        estimator.set_params(**{key: params[key] for key in params if is_of(estimator, key)})
        for estimator in estimators
    ]


def is_of(estimator, parameter):
    return parameter.split("__")[0] in estimator.get_params()


# What a policy does is the same in all of them; the smallest net is trained fastest.
PLAIN_NET = PLAIN | {"random_state": None, "max_epochs": 15, "lr": 0.02}
WITH_POLICY = [ShrinkingDNNClassifier(**PLAIN_NET, policy=policy()) for policy in POLICIES.values()]
OTHERWISE = [
    ShrinkingDBNClassifier(
        (20,), **SHORT, pretrain_epochs=3, pretrain_shrink=True, cd_k=2, persistent=True
    ),
    *([ShrinkingCNNClassifier(LAYERS, **SHORT, dtype="bfloat16")] if has_bfloat16("cpu") else []),
]


@parametrize_with_checks(of_each_kind(**SHORT, **SMALL) + WITH_POLICY + OTHERWISE)
@pytest.mark.filterwarnings("default")  # the checks provoke scikit-learn's own warnings
def test_estimator_passes_scikit_learns_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(of_each_kind())
@pytest.mark.filterwarnings("default")
def test_default_estimator_passes_scikit_learns_check(estimator, check):
    check(estimator)
