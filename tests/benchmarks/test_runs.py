"""Runs: times, errors, random rows of given sizes, and none is made twice."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning

from benchmarks._controls import RandomOfSizes
from benchmarks._nets import Length, perceptron
from benchmarks._runs import (
    error_of,
    make_missing,
    seconds,
    sizes_followed,
    sizes_of,
    train,
)
from benchmarks._store import RunStore
from benchmarks.data import Split, load
from sk_sdlr.policies import EpochReport


def test_of_classes_the_error_is_the_share_that_is_wrong():
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


def test_a_control_has_the_sizes_of_the_run_that_it_follows(small_sets):
    sizes = (120, 90, 45)
    net = perceptron(4, 0.1)
    fitted, _ = train("random_as_sdlr", net, load("higgs"), Length(epochs=4), 0, sizes=sizes)
    assert sizes_of(fitted) == [120, 90, 45, 120]
    fewer, record = train("fewer_as_sdlr", net, load("higgs"), Length(epochs=4), 0, sizes=sizes)
    assert sum(sizes_of(fewer)) == sum(sizes)
    assert record["visits"] == sum(sizes) / 120


def test_random_rows_are_those_of_the_seed():
    def rows(seed):
        policy, error = RandomOfSizes((100, 10)), torch.empty(100)
        epoch = EpochReport(policy.start(100).index, error, 10, 1, 0.5, error)
        generator = torch.Generator().manual_seed(seed)
        return policy.update(policy.start(100), epoch, generator=generator).index.tolist()

    assert rows(0) == rows(0) != rows(1)
    assert len(set(rows(0))) == 10


def test_what_is_on_disk_is_not_made_again_and_an_interruption_costs_one_run(tmp_path):
    made = []

    def run(settings):
        if settings["seed"] == 2 and len(made) == 2:
            raise KeyboardInterrupt
        made.append(settings["seed"])
        return {"error": 0.5}

    wanted = [{"method": "all_rows", "seed": seed} for seed in range(4)]
    with pytest.raises(KeyboardInterrupt):
        make_missing(RunStore(tmp_path / "a.json"), wanted, run)
    made.append(None)
    began = []
    make_missing(RunStore(tmp_path / "a.json"), wanted, run, before=lambda: began.append(0))
    assert made == [0, 1, None, 2, 3]
    make_missing(RunStore(tmp_path / "a.json"), wanted, run, before=lambda: began.append(0))
    assert began == [0]


def test_a_control_without_its_model_says_so(tmp_path):
    store = RunStore(tmp_path / "a.json")
    assert sizes_followed(store, {"method": "sdlr", "seed": 3}) == ()
    with pytest.raises(ValueError, match=r"run of sdlr that random_as_sdlr .* seed 3"):
        sizes_followed(store, {"method": "random_as_sdlr", "seed": 3})
