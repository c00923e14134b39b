"""Perceptrons: their layers, and what their outputs mean."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from torch import nn

from sk_sdlr import ShrinkingDNNClassifier, ShrinkingDNNRegressor
from tests.estimators.helpers import PLAIN


@pytest.mark.parametrize("hidden", [(), 8, [8, 4], np.array([8])])
def test_hidden_layer_sizes_in_every_form(table, hidden):
    net = ShrinkingDNNClassifier(**PLAIN | {"hidden_layer_sizes": hidden}, max_epochs=2)
    expected = [hidden] if isinstance(hidden, int) else list(hidden)
    linears = net.fit(*table).net_.module_.linears
    assert [linear.out_features for linear in linears] == [*expected, 3]


def test_parameters_reach_the_net(table):
    net = ShrinkingDNNClassifier((8,), activation="tanh", dropout=0.4, max_epochs=1).fit(*table)
    modules = list(net.net_.module_.modules())
    assert {m.p for m in modules if isinstance(m, nn.Dropout)} == {0.4}
    assert sum(isinstance(m, nn.BatchNorm1d) for m in modules) == 1
    assert any(isinstance(m, nn.Tanh) for m in modules)
    net.set_params(dropout=0.0, batch_norm=False).fit(*table)
    modules = list(net.net_.module_.modules())
    assert not any(isinstance(m, nn.Dropout | nn.BatchNorm1d) for m in modules)


def test_probabilities_are_those_of_the_softmax_and_finite_in_the_logarithm(table):
    X, y = table
    net = ShrinkingDNNClassifier(**PLAIN).fit(X, y)
    assert_allclose(net.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    far = net.predict_log_proba(1e4 * X)
    assert np.all(np.isfinite(far))
    assert far.min() < -1000  # whose probabilities are 0


def test_sigmoid_outputs_are_normalised_to_probabilities(table):
    net = ShrinkingDNNClassifier(**PLAIN, loss="squared_error").fit(*table)
    outputs = net.net_.predict_proba(table[0])
    assert_allclose(
        net.predict_proba(table[0]), outputs / outputs.sum(axis=1, keepdims=True), rtol=1e-5
    )


def test_a_regressor_predicts_in_the_units_of_the_targets(curve):
    X, y = curve
    plain = ShrinkingDNNRegressor(**PLAIN).fit(X, y).predict(X)
    shifted = ShrinkingDNNRegressor(**PLAIN).fit(X, 1000 * y + 5e5).predict(X)
    assert_allclose((shifted - 5e5) / 1000, plain, atol=1e-3)


def test_several_targets_in_the_unit_interval(curve):
    X, y = curve
    Y = np.column_stack([y / 30, 1 - y / 30])
    net = ShrinkingDNNRegressor(
        **PLAIN, activation="tanh", output_activation="sigmoid", lr=0.02
    ).fit(X, Y)
    predicted = net.predict(X)
    assert predicted.shape == Y.shape
    assert predicted.min() > 0
    assert predicted.max() < 1
    assert net.score(X, Y) > 0.6
