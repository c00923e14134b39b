"""What a user might take instead is what it says it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import is_regressor
from skorch import NeuralNetClassifier
from torch import nn

from benchmarks._baselines import BASELINES, initial_weights, plain
from benchmarks._methods import METHODS
from benchmarks._nets import Length, perceptron
from benchmarks._runs import train
from benchmarks.compare._setups import ANY, SETUPS
from benchmarks.data import Split
from sk_sdlr.modules import CNN

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 6)).astype("f")
CLASSES = Split(X, (X[:, 0] > 0).astype(int), X, (X[:, 0] > 0).astype(int))
SMALL = perceptron(8, 0.4)


def fitted(name, visits, net=SMALL):
    return train(name, net, CLASSES, Length(visits=visits), 0)[0]


def test_skorch_begins_with_our_weights_and_keeps_its_own_loop():
    _, weights = initial_weights(SMALL, CLASSES, seed=3)
    baseline = METHODS["skorch"].make(SMALL, CLASSES, Length(visits=1), 3).set_params(lr=0.0)
    baseline.fit(X, CLASSES.y)
    assert type(baseline) is NeuralNetClassifier
    theirs = baseline.module_.state_dict()
    assert all(torch.equal(weight, theirs[name]) for name, weight in weights.items())


def test_skorchs_rate_falls_as_ours_does_and_is_constant_where_ours_is():
    baseline, ours = fitted("skorch", 4), fitted("all_rows", 4)
    rates = np.array(baseline.history[:, "batches", :, "event_lr"])
    assert_allclose(rates[:, 0], [row["lr"] for row in ours.history_])
    assert_allclose(rates.ravel(), SMALL.lr * (1 - np.arange(rates.size) / rates.size))
    constant = fitted("skorch", 1, SMALL.with_params(lr_schedule=None))
    assert "schedule" not in dict(constant.callbacks)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_without_the_order_of_rows_skorch_trains_as_we_do(optimizer):
    whole = SMALL.with_params(batch_size=80, optimizer=optimizer)
    one, other = (fitted(name, 3, whole).predict_proba(X) for name in ("skorch", "all_rows"))
    assert_allclose(one, other, atol=1e-5)


def test_convolutions_are_torchs_own():
    module = CNN((1, 28, 28), 10, layers="mnist")
    copied = plain(module)
    assert {type(p) for p in copied.layers if isinstance(p, nn.Conv2d)} == {nn.Conv2d}
    copied.load_state_dict(module.state_dict())
    x = torch.rand(3, 784)
    assert_allclose(copied(x).detach(), module(x).detach(), atol=1e-5)


@pytest.mark.parametrize("name", sorted({*BASELINES} - {"sklearn_mlp_sgd"}))
@pytest.mark.parametrize("n_targets", [1, 2])
def test_numbers_are_predicted_too(name, n_targets):
    y = X[:, :n_targets] * 100 + 1000
    y = y if n_targets > 1 else y[:, 0]
    baseline, _ = train(name, ANY.net, Split(X, y, X, y), Length(visits=2), 0)
    assert is_regressor(baseline)
    predicted = baseline.predict(X)
    assert np.abs(predicted.reshape(80, -1) - y.reshape(80, -1)).mean() < 300


def test_scikit_learns_net_makes_all_of_its_epochs():
    net = fitted("sklearn_mlp", 12, SETUPS["higgs"].net)
    assert (net.hidden_layer_sizes, net.n_iter_, net.solver) == ((50,), 12, "adam")
    assert METHODS["sklearn_mlp"].make(
        SETUPS["cifar10"].net, CLASSES, Length(visits=2), 0
    ).hidden_layer_sizes == (500,)


def test_with_sgd_it_is_trained_as_ours_is():
    net = fitted("sklearn_mlp_sgd", 5, SETUPS["higgs"].net)
    assert (net.solver, net.momentum, net.alpha, net.n_iter_) == ("sgd", 0, 0, 5)
    assert (net.learning_rate_init, net.batch_size, net.activation) == (0.8, 80, "relu")
