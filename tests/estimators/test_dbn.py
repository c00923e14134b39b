"""Deep belief networks: pretraining inside of a fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.model_selection import train_test_split

from sk_sdlr import ShrinkingDBNClassifier, ShrinkingDBNRegressor, ShrinkingDNNClassifier
from sk_sdlr.modules import RBM

SMALL = {"pretrain_epochs": 3, "max_epochs": 3, "random_state": 0}
# Training that changes nothing shows what pretraining has left.
NO_TRAINING = {"optimizer": "sgd", "lr": 1e-30, "lr_schedule": None}


@pytest.fixture(scope="module")
def halves(digits):
    return train_test_split(*digits, random_state=0)


@pytest.fixture(scope="module")
def odd():
    """Features of all scales, one of them constant."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(300, 5)) * [1, 10, 1e-3, 1e4, 0] + [0, 5, 1, -1e5, 3]).astype("f")
    return X, (X[:, 0] > 0).astype(int)


def test_it_has_a_machine_a_layer(halves):
    X, _, y, _ = halves
    net = ShrinkingDBNClassifier((100, 60), **SMALL).fit(X, y)
    assert [tuple(rbm.weight.shape) for rbm in net.rbms_] == [(100, 64), (60, 100)]
    assert all(isinstance(rbm, RBM) and not rbm.is_gaussian for rbm in net.rbms_)


def test_training_starts_from_the_pretrained_weights(halves):
    X, _, y, _ = halves
    net = ShrinkingDBNClassifier((30, 20), **SMALL, **NO_TRAINING).fit(X, y)
    linears = net.net_.module_.linears
    for linear, rbm in zip(linears, net.rbms_, strict=False):
        assert_allclose(linear.weight.detach(), rbm.weight.detach(), atol=1e-6)
        assert_allclose(linear.bias.detach(), rbm.hidden_bias.detach(), atol=1e-6)
    assert len(linears) == 3


def test_pretraining_helps_a_short_training_of_a_deep_net(halves):
    X, X_test, y, y_test = halves
    plain = {"activation": "sigmoid", "dropout": 0.0, "lr": 0.01, "max_epochs": 4}
    sizes = (100, 100, 100)
    deep = ShrinkingDBNClassifier(sizes, **plain, random_state=0).fit(X, y)
    random = ShrinkingDNNClassifier(sizes, **plain, batch_norm=False, random_state=0).fit(X, y)
    assert deep.score(X_test, y_test) > random.score(X_test, y_test) + 0.1


def test_reconstruction_error_falls_in_every_layer(halves):
    X, _, y, _ = halves
    history = ShrinkingDBNClassifier((50, 30), **SMALL).fit(X, y).pretrain_history_
    assert [(row["layer"], row["epoch"]) for row in history] == [
        (layer, epoch) for layer in (0, 1) for epoch in (1, 2, 3)
    ]
    for layer in (0, 1):
        errors = [row["reconstruction_error"] for row in history if row["layer"] == layer]
        assert errors[-1] < errors[0]


@pytest.mark.parametrize("shrink", [False, True])
def test_pretraining_leaves_rows_out_if_it_is_told_to(halves, shrink):
    X, _, y, _ = halves
    net = ShrinkingDBNClassifier((20,), **SMALL, t=0.2, alpha=None, pretrain_shrink=shrink)
    sizes = [row["n_active"] for row in net.fit(X, y).pretrain_history_]
    assert sizes == ([1347, 1078, 863] if shrink else [1347] * 3)


def test_visible_units_go_by_the_data_unless_they_are_said(halves, odd):
    assert not ShrinkingDBNClassifier((5,), **SMALL).fit(halves[0], halves[2]).rbms_[0].is_gaussian
    assert ShrinkingDBNClassifier((5,), **SMALL).fit(*odd).rbms_[0].is_gaussian
    said = ShrinkingDBNClassifier((5,), **SMALL, visible="gaussian").fit(halves[0], halves[2])
    assert said.rbms_[0].is_gaussian


def test_units_of_features_do_not_matter(odd):
    X, y = odd
    scale, shift = np.array([3, 0.1, 200, 1e-3, 1], "f"), np.array([1, -2, 0, 4, 0], "f")
    hidden = []
    for some in (X, X * scale + shift):
        longer = SMALL | NO_TRAINING | {"pretrain_epochs": 20}
        net = ShrinkingDBNClassifier((7,), **longer).fit(some, y)
        linear = net.net_.module_.linears[0]
        hidden.append(torch.sigmoid(linear(torch.from_numpy(some))).detach())
    assert hidden[0].std() > 0.01
    assert_allclose(hidden[0], hidden[1], atol=0.02)


def test_pretraining_is_done_once(halves):
    X, _, y, _ = halves
    net = ShrinkingDBNClassifier((20,), **SMALL, warm_start=True).fit(X, y)
    rbms = net.rbms_
    assert net.fit(X, y).rbms_ is rbms
    partial = ShrinkingDBNClassifier((20,), **SMALL).partial_fit(X, y, classes=np.arange(10))
    rbms = partial.rbms_
    assert len(partial.pretrain_history_) == 3
    assert partial.partial_fit(X, y).rbms_ is rbms


def test_weights_count_in_pretraining(halves):
    X, _, y, _ = halves
    weight = np.where(y == 0, 20.0, 0.1)
    machines = [
        ShrinkingDBNClassifier((20,), **SMALL).fit(X, y, sample_weight=some).rbms_[0]
        for some in (None, weight)
    ]
    zeros, others = (torch.from_numpy(X[y == 0]), torch.from_numpy(X[y == 1]))
    plain, weighted = (
        (rbm.free_energy(zeros).mean() - rbm.free_energy(others).mean()).item() for rbm in machines
    )
    assert weighted < plain - 1


def test_regressor_of_several_targets(halves):
    X = halves[0]
    Y = np.column_stack([X[:, :32].mean(1), X[:, 32:].mean(1)])
    net = ShrinkingDBNRegressor((40,), random_state=0).fit(X, Y)
    assert net.predict(X).shape == Y.shape
    assert net.score(X, Y) > 0.7


def test_bernoulli_units_refuse_what_is_no_probability(odd):
    net = ShrinkingDBNClassifier((5,), **SMALL, visible="bernoulli")
    with pytest.raises(ValueError, match=r"visible='bernoulli' needs features in \[0, 1\]"):
        net.fit(*odd)
    assert not hasattr(net, "net_")


def test_batches_and_momentum_of_pretraining_are_chosen_by_size_and_kind_of_chain():
    net = ShrinkingDBNClassifier()
    sizes = [net._pretraining_batch_size(n) for n in (4, 400, 2000, 60_000)]
    assert sizes == [4, 10, 40, 100]
    assert net.set_params(pretrain_batch_size=50)._pretraining_batch_size(2000) == 50
    assert net._pretraining_momentum() == 0.9
    assert net.set_params(persistent=True)._pretraining_momentum() == 0
    assert net.set_params(pretrain_momentum=0.3)._pretraining_momentum() == 0.3


def test_pretraining_that_diverges_says_so(odd):
    net = ShrinkingDBNClassifier((5,), **SMALL, visible="gaussian", pretrain_lr=1e30)
    with pytest.raises(FloatingPointError, match="pretrain_lr"):
        net.fit(*odd)
    assert not hasattr(net, "net_")


def test_in_float64(halves):
    X, _, y, _ = halves
    net = ShrinkingDBNClassifier((20,), **SMALL, dtype="float64").fit(X, y)
    assert net.rbms_[0].weight.dtype == torch.float64
    assert net.predict_proba(X).dtype == np.float64
