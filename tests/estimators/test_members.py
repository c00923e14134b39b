"""Several nets side by side in one estimator, and weights of features."""

import numpy as np
import pytest
import torch
from sklearn.datasets import make_classification, make_regression

from sk_sdlr import ShrinkingDNNClassifier, ShrinkingDNNRegressor
from sk_sdlr.modules import MemberLinear

PARAMS = {"max_epochs": 3, "random_state": 0, "device": "cpu", "n_members": 3, "scaling": True}


def classes():
    X, y = make_classification(300, 6, random_state=0)
    return X.astype("float32"), y


def test_probabilities_are_the_mean_of_those_of_the_members():
    X, y = classes()
    model = ShrinkingDNNClassifier((5, 4), **PARAMS).fit(X, y)
    module = model.net_.module_.eval()
    assert isinstance(module.linears[1], MemberLinear)
    with torch.no_grad():
        hidden = torch.from_numpy(X)
        for part in module.in_order()[:-1]:
            hidden = part(hidden)
        of_members = hidden.view(len(X), 3, 2).softmax(2)
    np.testing.assert_allclose(model.predict_proba(X), of_members.mean(1), atol=1e-6)


def test_targets_are_the_mean_of_those_of_the_members():
    X, y = make_regression(200, 6, n_targets=2, random_state=0)
    model = ShrinkingDNNRegressor((5,), **PARAMS).fit(X, y)
    assert model.predict(X).shape == (200, 2)
    assert model.score(X, y) == pytest.approx(
        1 - (((model.predict(X) - y) ** 2).mean(0) / y.var(0)).mean()
    )


def test_features_have_a_rate_of_their_own():
    X, y = classes()
    model = ShrinkingDNNClassifier((5,), **PARAMS, lr=0.003).fit(X, y)
    rates = [group["lr"] for group in model.net_.optimizer_.param_groups]
    assert rates == pytest.approx([0.018, 0.003])
    assert not torch.equal(model.net_.module_.scaling.weight, torch.ones(6))


@pytest.mark.parametrize("n_members", [0, 1.5, "many"])
def test_a_number_of_members_must_be_a_positive_int(n_members):
    with pytest.raises(ValueError, match=r"The 'n_members' parameter of ShrinkingDNNClassifier"):
        ShrinkingDNNClassifier(n_members=n_members).fit(*classes())
