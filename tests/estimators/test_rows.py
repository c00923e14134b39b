"""Rows on their way into a fit."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from sk_sdlr.estimators._rows import Rows

X = np.array([[2.0, 1.0], [1.0, 1.0], [2.0, 1.0], [0.0, 3.0]], dtype="f")
Y = np.array([1, 0, 1, 0])


def test_merged_rows_are_distinct_sorted_and_weighted():
    rows = Rows(X, Y, None).merged()
    assert_array_equal(rows.X, [[0, 3], [1, 1], [2, 1]])
    assert_array_equal(rows.y, [0, 0, 1])
    assert_array_equal(rows.weight, [1, 1, 2])


def test_rows_that_differ_in_the_target_alone_are_not_merged():
    rows = Rows(X, np.array([1, 0, 0, 0]), None).merged()
    assert len(rows) == 4


def test_weights_are_summed_when_rows_are_merged():
    rows = Rows(X, Y, np.array([0.5, 1.0, 2.0, 4.0])).merged()
    assert_array_equal(rows.weight, [4, 1, 2.5])


def test_mean_weight_is_one_and_equal_weights_are_none():
    assert_allclose(Rows(X, Y, np.array([1.0, 2, 3, 6])).with_mean_weight_one().weight.mean(), 1)
    assert Rows(X, Y, np.full(4, 7.0)).with_mean_weight_one().weight is None


def test_rows_without_weight_are_left_out():
    rows = Rows(X, Y, np.array([0.0, 1, 0, 2])).without_weightless()
    assert_array_equal(rows.X, X[[1, 3]])
    assert_array_equal(rows.weight, [1, 2])


def test_split_is_stratified_and_complete():
    y = np.repeat([0, 1], [80, 20])
    rows = Rows(np.arange(100.0).reshape(-1, 1), y, None)
    train, valid = rows.split(0.1, stratify=True, seed=0)
    assert (len(train), len(valid)) == (90, 10)
    assert valid.y.sum() == 2
    assert_array_equal(np.sort(np.concatenate([train.X, valid.X]).ravel()), np.arange(100))
