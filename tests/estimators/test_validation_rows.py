"""Rows to validate on: those that a user brings, and those that early stopping holds out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split
from skorch.callbacks import Callback

from sk_sdlr import (
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingCNNRegressor,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
)
from tests.estimators.helpers import KINDS, PLAIN, Net, same, sizes

STOPPING = {"early_stopping": True, "lr_schedule": None, "max_epochs": 200, "n_iter_no_change": 3}


@pytest.fixture(scope="module")
def halves(table):
    """Rows to train on, and others to validate on."""
    X, y = table
    return X[:400], y[:400], X[400:], y[400:]


def losses(estimator):
    return [row["valid_loss"] for row in estimator.history_]


def cross_entropy(estimator, X, y, weight=None):
    p = estimator.predict_proba(X)[np.arange(len(y)), y].astype("f8")
    return np.average(-np.log(p), weights=weight)


def squared_error(estimator, X, y, targets, weight=None):
    """Return half of the squared error in units of the standard deviations of the targets."""
    error = (estimator.predict(X) - y) / targets.std(axis=0)
    return np.average((error.reshape(len(y), -1) ** 2).sum(axis=1) / 2, weights=weight)


# Rows that a user brings


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_judged_by_the_average_that_predicts(kind, halves):
    X, y, X_val, y_val = halves
    params = {"max_epochs": 3, "random_state": 0}
    net = KINDS[kind](**params, weight_average=0.5).fit(X, y, X_val=X_val, y_val=y_val)
    assert losses(net)[-1] == pytest.approx(cross_entropy(net, X_val, y_val), rel=1e-4)
    assert same(net, KINDS[kind](**params, weight_average=0.5).fit(X, y))
    assert not same(net, KINDS[kind](**params).fit(X, y))


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_of_a_users_rows_is_in_history(kind, halves):
    X, y, X_val, y_val = halves
    net = KINDS[kind](max_epochs=3, random_state=0).fit(X, y, X_val=X_val, y_val=y_val)
    assert losses(net)[-1] == pytest.approx(cross_entropy(net, X_val, y_val), rel=1e-4)
    assert len(losses(net)) == 3
    alone = KINDS[kind](max_epochs=3, random_state=0).fit(X, y)
    assert same(net, alone)  # they are looked at, and nothing else
    assert sizes(net)[0] == 400


def test_the_loss_is_the_mean_by_weight(halves):
    X, y, X_val, y_val = halves
    weight = np.random.default_rng(0).random(200)
    weight[:50] = 0
    net = ShrinkingDNNClassifier(**PLAIN, max_epochs=2)
    net.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight)
    expected = cross_entropy(net, X_val, y_val, weight)
    assert losses(net)[-1] == pytest.approx(expected, rel=1e-4)
    assert expected != pytest.approx(cross_entropy(net, X_val, y_val), rel=1e-3)


def test_weights_of_classes_count_for_them_too(halves):
    X, y, X_val, y_val = halves
    net = ShrinkingDNNClassifier(**PLAIN, max_epochs=2, class_weight={0: 1, 1: 2, 2: 5})
    net.fit(X, y, X_val=X_val, y_val=y_val)
    expected = cross_entropy(net, X_val, y_val, np.array([1, 2, 5])[y_val])
    assert losses(net)[-1] == pytest.approx(expected, rel=1e-4)


def test_squared_error_of_a_classifier(halves):
    X, y, X_val, y_val = halves
    net = ShrinkingDNNClassifier(**PLAIN, max_epochs=2, loss="squared_error")
    net.fit(X, y, X_val=X_val, y_val=y_val)
    outputs = net.net_.module_(torch.from_numpy(X_val)).detach().numpy()
    expected = ((outputs - np.eye(3)[y_val]) ** 2).sum(axis=1).mean() / 2
    assert losses(net)[-1] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_targets", [1, 2])
def test_the_loss_of_a_regressor_is_in_units_of_the_targets_it_is_trained_on(n_targets, weighted):
    X, y = make_regression(300, 5, n_targets=n_targets, noise=5, random_state=0)
    y = 10 + y * [1, 100][:n_targets] if n_targets > 1 else 10 + y
    net = ShrinkingDNNRegressor(**PLAIN, max_epochs=3)
    weight = np.linspace(0, 2, 100) if weighted else None
    net.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:], sample_weight_val=weight)
    expected = squared_error(net, X[200:], y[200:], y[:200], weight)
    assert losses(net)[-1] == pytest.approx(expected, rel=1e-4)
    assert net.predict(X).shape == y.shape


def test_validation_rows_do_not_say_what_shape_targets_have(curve):
    X, y = curve
    column = y[:, None]
    for train, valid in ((y, column), (column, y)):
        net = ShrinkingDNNRegressor(**PLAIN, max_epochs=1).fit(X, train, X_val=X, y_val=valid)
        assert net.predict(X).shape == train.shape


@pytest.mark.parametrize("kind", [ShrinkingCNNClassifier, ShrinkingCNNRegressor])
@pytest.mark.parametrize("as_images", [True, False])
def test_images(digits, kind, as_images):
    X, y = digits[0][:200], digits[1][:200]
    images = X.reshape(-1, 1, 8, 8)
    net = kind([("conv", 4, 3)], max_epochs=2, random_state=0)
    net.fit(images, y, X_val=images if as_images else X, y_val=y)
    assert len(losses(net)) == 2
    # Other images than before, which must be told from those by the ones to train on.
    small = images[:, :, :6]
    assert len(losses(net.fit(small, y, X_val=small, y_val=y))) == 2
    with pytest.raises(ValueError, match=r"rows of shape \(1, 8, 8\), but .* \(1, 6, 8\) or 48"):
        net.fit(small, y, X_val=images, y_val=y)


def test_rows_of_a_module_of_ones_own(table):
    X, y = table[0].reshape(-1, 2, 4), table[1]
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 3))
    net = ShrinkingClassifier(module, max_epochs=2).fit(X, y, X_val=X[:50], y_val=y[:50])
    assert losses(net)[-1] == pytest.approx(cross_entropy(net, X[:50], y[:50]), rel=1e-4)
    with pytest.raises(ValueError, match=r"rows of shape \(8,\), but .* rows of shape \(2, 4\)"):
        net.fit(X, y, X_val=table[0], y_val=y)


def test_early_stopping_watches_a_users_rows_and_holds_none_out(halves):
    X, y, X_val, y_val = halves
    net = ShrinkingDNNClassifier(**PLAIN, **STOPPING, lr=0.05)
    net.fit(X, y, X_val=X_val, y_val=y_val)
    assert sizes(net)[0] == 400
    best = int(np.argmin(losses(net)))
    assert len(losses(net)) - 1 - best in (3, 2, 1)  # those after it are not better by tol
    assert len(losses(net)) < 200
    assert cross_entropy(net, X_val, y_val) == pytest.approx(losses(net)[best], rel=1e-4)


def test_they_may_change_in_a_warm_start(halves):
    X, y, X_val, y_val = halves
    net = ShrinkingDNNClassifier(**PLAIN, max_epochs=2, warm_start=True).fit(X, y)
    net.fit(X, y, X_val=X_val, y_val=y_val)
    assert ["valid_loss" in row for row in net.history_] == [False, False, True, True]
    assert net.history_[-1]["valid_loss"] == pytest.approx(
        cross_entropy(net, X_val, y_val), rel=1e-4
    )


X, Y = np.random.default_rng(0).normal(size=(30, 3)), np.arange(30) % 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_val": X}, r"^X_val is provided, but y_val was not provided\.$"),
        ({"y_val": Y}, r"^y_val is provided, but X_val was not provided\.$"),
        ({"sample_weight_val": Y}, r"^sample_weight_val is provided, but X_val was not provided"),
        ({"X_val": X[:, :2], "y_val": Y}, "X has 2 features, but .* is expecting 3 features"),
        ({"X_val": X, "y_val": Y[:9]}, "inconsistent numbers of samples"),
        ({"X_val": X, "y_val": Y + 1}, "previously unseen labels"),
        ({"X_val": X * np.nan, "y_val": Y}, "NaN"),
        ({"X_val": X, "y_val": Y, "sample_weight_val": -1 - Y}, "[Nn]egative"),
        ({"X_val": X, "y_val": Y, "sample_weight_val": 0 * Y}, "non-zero"),
        ({"X_val": X, "y_val": Y, "sample_weight_val": Y[:9]}, r"sample_weight.shape == \(9,\)"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(given, message):
    net = ShrinkingDNNClassifier()
    with pytest.raises(ValueError, match=message):
        net.fit(X, Y, **given)
    assert vars(net) == vars(ShrinkingDNNClassifier())


def test_a_regressor_wants_as_many_targets():
    with pytest.raises(ValueError, match=r"^y has 2 targets, but .* is expecting 1 targets\.$"):
        ShrinkingDNNRegressor().fit(X, Y, X_val=X, y_val=np.column_stack([Y, Y]))


# Rows that early stopping holds out


def test_early_stopping_keeps_the_best_weights(table):
    X, y = table
    net = ShrinkingDNNClassifier(**PLAIN, **STOPPING, lr=0.05).fit(X, y)
    assert len(losses(net)) < 200
    assert np.argmin(losses(net)) < len(losses(net)) - 1
    assert sizes(net)[0] == 540
    _, held_out = train_test_split(
        np.arange(600), test_size=0.1, random_state=net.net_.random_state, stratify=y
    )
    assert cross_entropy(net, X[held_out], y[held_out]) == pytest.approx(min(losses(net)), rel=1e-4)


def test_rows_that_are_held_out_are_not_trained_on(table):
    seen = set()

    class Spy(Callback):
        def on_batch_begin(self, net, batch, training, **kwargs):
            if training:
                seen.update(batch[0][:, 0].tolist())

    X, y = table[0].copy(), table[1]
    X[:, 0] = np.arange(600)
    net = ShrinkingClassifier(Net, early_stopping=True, validation_fraction=0.25, s=0.0)
    net.set_params(max_epochs=3, callbacks=[Spy()], random_state=0).fit(X, y)
    assert len(seen) == 450
    left = np.setdiff1d(np.arange(600), [*seen])
    assert_allclose(np.bincount(y[left]), np.bincount(y) / 4, atol=1)


def test_without_an_improvement_it_stops_at_once(table):
    net = ShrinkingDNNClassifier(**PLAIN, **STOPPING | {"tol": 1e3})
    assert net.fit(*table).n_iter_ == 4
