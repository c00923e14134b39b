"""What a user might take instead is what it says it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import is_regressor
from skorch import NeuralNetClassifier
from torch import nn

from sk_sdlr import FullData
from sk_sdlr.compare._contestants import targets
from sk_sdlr.compare._nets import ANY, NETS, Net, perceptron
from sk_sdlr.compare._rivals import RIVALS, initial_weights, plain
from sk_sdlr.experiments._fit import seconds
from sk_sdlr.experiments._sets import Split
from sk_sdlr.modules import CNN

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 6)).astype("f")
CLASSES = Split(X, (X[:, 0] > 0).astype(int), X, (X[:, 0] > 0).astype(int))
SMALL = perceptron(8, (3.0,), 0.4)


def state(module):
    return [tensor.clone() for tensor in module.state_dict().values()]


def test_skorch_begins_with_our_weights_and_keeps_its_own_loop():
    _, weights = initial_weights(SMALL, CLASSES, seed=3)
    rival = RIVALS["skorch"][1](SMALL, CLASSES, 1, 3).set_params(lr=0.0)
    rival.fit(X, CLASSES.y)
    assert type(rival) is NeuralNetClassifier
    for ours, theirs in zip(weights.values(), state(rival.module_), strict=True):
        assert torch.equal(ours, theirs)
    ours = SMALL.make(CLASSES, policy=FullData(), max_visits=1, lr=1e-30, random_state=3)
    ours.fit(X, CLASSES.y)
    assert_allclose(ours.predict_proba(X), rival.predict_proba(X), atol=1e-6)


def test_skorchs_rate_falls_as_ours_does():
    rival = RIVALS["skorch"][1](SMALL, CLASSES, 4, 0).fit(X, CLASSES.y)
    ours = SMALL.make(CLASSES, policy=FullData(), max_visits=4, random_state=0)
    ours.fit(X, CLASSES.y)
    rates = np.array(rival.history[:, "batches", :, "event_lr"])
    assert_allclose(rates[:, 0], [row["lr"] for row in ours.history_])
    assert_allclose(rates.ravel(), SMALL.lr * (1 - np.arange(rates.size) / rates.size))


def test_without_the_order_of_rows_skorch_trains_as_we_do():
    whole = Net(SMALL.params | {"batch_size": 80}, (3.0,))
    rival = RIVALS["skorch"][1](whole, CLASSES, 3, 0).fit(X, CLASSES.y)
    ours = whole.make(CLASSES, policy=FullData(), max_visits=3, random_state=0)
    ours.fit(X, CLASSES.y)
    assert_allclose(ours.predict_proba(X), rival.predict_proba(X), atol=1e-5)


def test_convolutions_are_torchs_own():
    module = CNN((1, 28, 28), 10, layers="mnist")
    kinds = {type(part) for part in plain(module).layers if isinstance(part, nn.Conv2d)}
    assert kinds == {nn.Conv2d}
    assert any(
        type(part) is not nn.Conv2d and isinstance(part, nn.Conv2d) for part in module.layers
    )
    copied = plain(module)
    copied.load_state_dict(module.state_dict())
    x = torch.rand(3, 784)
    assert_allclose(copied(x).detach(), module(x).detach(), atol=1e-5)


@pytest.mark.parametrize("name", RIVALS)
@pytest.mark.parametrize("n_targets", [1, 2])
def test_numbers_are_predicted_too(name, n_targets):
    y = X[:, :n_targets] * 100 + 1000
    y = y if n_targets > 1 else y[:, 0]
    data = Split(X, y, X, y)
    rival = RIVALS[name][1](ANY, data, 2, 0)
    assert is_regressor(rival)
    seconds(rival.fit, X, targets(name, data))  # which keeps the word of convergence back
    predicted = rival.predict(X)
    assert np.abs(predicted.reshape(80, -1) - y.reshape(80, -1)).mean() < 300


def test_scikit_learns_net_makes_all_of_its_epochs():
    net = RIVALS["sklearn_mlp"][1](NETS["higgs"], CLASSES, 12.0, 0)
    assert net.hidden_layer_sizes == (50,)
    seconds(net.fit, X, CLASSES.y)
    assert net.n_iter_ == 12
