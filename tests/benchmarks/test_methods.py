"""Contestants visit as many rows, and begin with the same weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sk_sdlr.compare._contestants import ALLOWED, BY_DEFAULT, choice_of, label_of, run
from sk_sdlr.compare._nets import perceptron
from sk_sdlr.experiments._sets import Split
from sk_sdlr.policies import ShrinkRecall
from sk_sdlr.policies._registry import POLICIES

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype("f")
Y = (X[:, 0] + RNG.normal(size=200) > 0).astype(int)
DATA = Split(X[:150], Y[:150], X[150:], Y[150:])
NET = perceptron(5, (4.0,), 0.4)


@pytest.mark.parametrize("name", ALLOWED)
def test_visits_are_what_was_asked_for(name):
    record = run(name, NET, DATA, 4.0, 0)
    wanted = {"all": 8, "hist_gradient_boosting": None}.get(name, 4)
    assert record["visits"] == wanted
    assert 0 <= record["error"] <= 1
    assert 0 <= record["auc"] <= 1
    assert record["seconds"] > 0


def test_the_published_rule_is_as_published_and_ours_is_the_default():
    assert choice_of("sdlr") == (ShrinkRecall(0.2, 0.2, 0.5), {"anneal": 0.0})
    assert choice_of("default") == (ShrinkRecall(), {"anneal": 0.1})
    for name in POLICIES:
        assert choice_of(name)[1] == {"anneal": 0.1}


def test_every_table_has_the_controls_and_the_peers():
    assert {"all", "fewer", "random", "sdlr", "default", "infobatch"} < set(BY_DEFAULT)
    assert {"selective_backprop", "skorch", "sklearn_mlp"} < set(BY_DEFAULT)
    assert set(BY_DEFAULT) <= set(ALLOWED)
    labels = [label_of(name) for name in ALLOWED]
    assert len(set(labels)) == len(labels)


def test_more_classes_have_no_area_under_a_curve():
    y = np.arange(200) % 3
    data = Split(X[:150], y[:150], X[150:], y[150:])
    assert set(run("fewer", NET, data, 2.0, 0)) == {"error", "seconds", "visits"}


@pytest.mark.parametrize("name", ["default", "skorch", "sklearn_mlp"])
def test_a_seed_is_a_run_and_another_seed_another(name):
    before = torch.random.get_rng_state()
    one, same, other = (run(name, NET, DATA, 3.0, seed)["auc"] for seed in (0, 0, 1))
    assert one == same != other
    assert torch.equal(torch.random.get_rng_state(), before)
