"""Errors of classes and of numbers; times."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning

from sk_sdlr.experiments._fit import error_of, seconds
from sk_sdlr.experiments._sets import Split


def test_of_classes_it_is_the_share_that_is_wrong():
    X, y = np.zeros((4, 1)), np.array([0, 0, 0, 1])
    assert error_of(DummyClassifier().fit(X, y), Split(X, y, X, y)) == 0.25


@pytest.mark.parametrize("n_targets", [1, 3])
def test_of_numbers_it_is_the_mean_squared_norm(n_targets):
    X, y = np.zeros((2, 1)), np.array([[0.0] * n_targets, [2.0] * n_targets])
    if n_targets == 1:
        y = y[:, 0]
    assert error_of(DummyRegressor().fit(X, y), Split(X, y, X, y)) == n_targets


def test_only_the_word_of_convergence_is_kept_back():
    def warn(category):
        warnings.warn("word", category, stacklevel=1)

    assert seconds(warn, ConvergenceWarning) >= 0
    with pytest.warns(UserWarning, match="word"):
        seconds(warn, UserWarning)
