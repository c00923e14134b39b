"""Rows on their way into a fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from sk_sdlr.estimators._rows import Rows, shape_of

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


def test_rows_of_any_shape_are_merged_taken_and_split():
    images = X.reshape(4, 1, 2)
    rows = Rows(images, Y, None, (1, 2))
    for some in (rows, rows.take(np.array([1, 0])), *rows.split(0.5, stratify=False, seed=0)):
        assert some.shape == some.X.shape[1:] == (1, 2)
    merged = rows.merged()
    assert merged.shape == (1, 2)
    assert_array_equal(merged.X, [[[0, 3]], [[1, 1]], [[2, 1]]])
    assert_array_equal(merged.weight, [1, 1, 2])


@pytest.mark.parametrize("shape", [(2, 4), (2, 2, 2), (2, 1, 2, 2)])
def test_rows_that_differ_in_their_last_number_alone_are_not_merged(shape):
    features = np.zeros(shape)
    features[0, ..., -1] = 1
    rows = Rows(features, np.zeros(2), None).merged()
    assert len(rows) == 2
    assert_array_equal(rows.X, features[::-1])


def test_rows_of_several_targets_are_merged_if_all_are_equal():
    rows = Rows(X, np.array([[1, 1], [0, 0], [1, 2], [0, 0]]), None).merged()
    assert len(rows) == 4
    assert rows.y.shape == (4, 2)
    rows = Rows(X, np.array([[1, 1], [0, 0], [1, 1], [0, 0]]), None).merged()
    assert_array_equal(rows.y, [[0, 0], [0, 0], [1, 1]])


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (np.zeros((3, 2)), (3, 2)),
        (np.zeros((3, 1, 2, 2)), (3, 1, 2, 2)),
        (np.zeros(3), (3,)),
        (torch.zeros(3, 2), (3, 2)),
        (pd.DataFrame(np.zeros((3, 2))), (3, 2)),
        (csr_array(np.zeros((3, 2))), (3, 2)),
        ([[1, 2], [3, 4], [5, 6]], (3, 2)),
        (([[1]], [[2]]), (2, 1, 1)),
        ([], (0,)),
        (5, ()),
    ],
)
def test_shape_of_whatever_may_be_features(array, shape):
    assert shape_of(array) == shape
    assert type(shape_of(array)) is tuple
