"""The one table of methods: each key has one meaning, wherever it is used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks._methods import METHODS, STOP_THRESHOLDS, Method, followed, in_order
from benchmarks._nets import Length, perceptron
from benchmarks._runs import train
from benchmarks.compare._runs import ALLOWED, BY_DEFAULT
from benchmarks.data import Split
from benchmarks.policy_study._runs import ALLOWED as OF_STUDY
from benchmarks.reproduce._experiments import EXPERIMENTS
from sk_sdlr.policies import POLICIES, ShrinkRecall

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype("f")
Y = (X[:, 0] + RNG.normal(size=200) > 0).astype(int)
DATA = Split(X[:150], Y[:150], X[150:], Y[150:])
NET = perceptron(5, 0.4)
SIZES = (150, 120, 96)


@pytest.mark.parametrize("name", METHODS)
def test_visits_are_what_was_asked_for(name):
    estimator, record = train(name, NET, DATA, Length(visits=4.0), 0, sizes=SIZES)
    wanted = {"twice": 8, "hist_gradient_boosting": None}.get(name, 4)
    if name.startswith("fewer_as"):
        wanted = sum(SIZES) / 150
    assert record["visits"] == wanted
    assert record["seconds"] > 0
    assert estimator.predict(DATA.X_test).shape == (50,)


def test_the_published_rule_is_as_published():
    for name, alpha, recall in (
        ("sdl", None, False),
        ("sdlr", None, True),
        ("sdlr_eq9", 0.5, True),
    ):
        method = METHODS[name]
        assert method.policy == ShrinkRecall(0.2, 0.2, alpha, recall)
        assert not method.full_at_end
    assert [METHODS[f"sdlr_t{t}"].policy.t for t in STOP_THRESHOLDS] == list(STOP_THRESHOLDS)


def test_the_default_is_what_the_estimators_do_by_default():
    made = METHODS["default"].make(NET, DATA, Length(), 3)
    theirs = type(made)(**NET.params, device="cpu", random_state=3)
    assert made.get_params() == theirs.get_params()


def test_epochs_of_our_own_are_epochs_and_visits_are_visits():
    in_epochs, in_visits = (
        METHODS[name].make(NET, DATA, Length(epochs=7), 0) for name in ("default", "default_visits")
    )
    fitted = [net.fit(DATA.X, DATA.y).history_ for net in (in_epochs, in_visits)]
    assert len(fitted[0]) == 7
    assert sum(row["n_active"] for row in fitted[1]) == 7 * 150


def test_every_policy_of_the_package_has_a_method():
    used = {type(method.policy) for method in METHODS.values() if isinstance(method, Method)}
    by_default = METHODS["default"].make(NET, DATA, Length(epochs=1), 0).fit(DATA.X, DATA.y)
    assert set(POLICIES.values()) <= used | {type(by_default.net_.policy)}


def test_commands_take_their_methods_from_the_table():
    for names in (ALLOWED, BY_DEFAULT, OF_STUDY, *(e.methods for e in EXPERIMENTS.values())):
        assert set(names) <= set(METHODS)
        assert len(in_order(names)) == len(names)
    assert {followed(name) for name in METHODS} == {None, "sdlr", "default"}


def test_stored_runs_have_keys_of_the_table_and_say_what_they_were_measured_on():
    paths = [*ROOT.glob("docs/results/**/*.json"), *ROOT.glob("benchmarks/results/*.json")]
    assert len(paths) > 15
    for path in paths:
        for run in json.loads(path.read_text())["runs"]:
            assert run["settings"].get("method", "all_rows") in METHODS
            assert "versions" in run["environment"]


@pytest.mark.parametrize("name", ["default", "skorch", "sklearn_mlp"])
def test_a_seed_is_a_run_and_another_seed_another(name):
    before = torch.random.get_rng_state()
    fitted = [train(name, NET, DATA, Length(visits=3), seed)[0] for seed in (0, 0, 1)]
    assert torch.equal(torch.random.get_rng_state(), before)
    one, same, other = (estimator.predict_proba(DATA.X).tolist() for estimator in fitted)
    assert one == same != other


def test_all_begin_with_the_same_weights():
    nets = [
        METHODS[name].make(NET.with_params(lr=1e-30), DATA, Length(epochs=1), 0)
        for name in ("all_rows", "sdlr", "default")
    ]
    one, *others = (net.fit(DATA.X, DATA.y).predict_proba(DATA.X).tolist() for net in nets)
    assert others == [one, one]
