"""Which rows an estimator visits: by s, t and alpha, or by a policy."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_blobs, make_friedman1
from sklearn.model_selection import GridSearchCV
from torch import nn

from sk_sdlr import (
    AutoRecall,
    FullData,
    InfoBatch,
    RandomSubset,
    ShrinkingClassifier,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    ShrinkingRegressor,
    ShrinkRecall,
)
from sk_sdlr.estimators._policies import resolve_policy
from sk_sdlr.policies import ActiveSet
from tests.estimators.helpers import PLAIN, same, sizes

SMALL = {"hidden_layer_sizes": (16,), "random_state": 0}


# s, t and alpha


@pytest.mark.parametrize(
    ("params", "policy"),
    [
        ({}, AutoRecall(0.2, 0.5)),
        ({"s": 0.3, "alpha": None}, AutoRecall(0.3, None)),
        ({"t": 0.25}, ShrinkRecall(0.2, 0.25, 0.5)),
        ({"s": 0.5, "t": 200, "alpha": None}, ShrinkRecall(0.5, 200, None)),
        ({"policy": InfoBatch()}, InfoBatch()),
    ],
)
def test_what_the_parameters_mean(params, policy):
    assert resolve_policy(ShrinkingDNNClassifier(**params)) == policy


@pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
def test_the_literal_rule_of_the_paper(table):
    net = ShrinkingDNNClassifier(**PLAIN, s=0.5, t=200, alpha=None, full_at_end=0.0, max_epochs=6)
    assert sizes(net.fit(*table)) == [600, 300, 150, 600, 300, 150]
    without_recall = ShrinkRecall(s=0.5, t=200, alpha=None, recall=False)
    net = ShrinkingDNNClassifier(**PLAIN, policy=without_recall, full_at_end=0.0, max_epochs=6)
    assert sizes(net.fit(*table)) == [600, 300, 150, 150, 150, 150]


def test_s_of_zero_is_ordinary_training(table):
    ordinary = ShrinkingDNNClassifier(**PLAIN, policy=FullData()).fit(*table)
    assert sizes(ordinary) == [600] * 30
    assert same(ShrinkingDNNClassifier(**PLAIN, s=0.0).fit(*table), ordinary)


@pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
def test_max_passes_bounds_the_visits_in_place_of_epochs(table):
    net = ShrinkingDNNClassifier(**PLAIN, t=0.2, max_passes=5, max_epochs=1, full_at_end=0.0)
    assert len(sizes(net.fit(*table))) > 5
    assert sum(sizes(net)[:-1]) < sum(sizes(net)) == 5 * 600


def test_the_run_ends_on_all_rows(table):
    net = ShrinkingDNNClassifier(**PLAIN, t=0.2, alpha=None, max_epochs=10, full_at_end=0.3)
    assert sizes(net.fit(*table))[-3:] == [600] * 3
    assert sizes(net)[-4] < 600


# A policy in their place


@pytest.mark.parametrize("changed", [{"s": 0.5}, {"t": 0.2}, {"alpha": None}, {"s": 0, "t": 50}])
def test_a_policy_together_with_s_t_or_alpha_is_refused(table, changed):
    net = ShrinkingDNNClassifier(policy=InfoBatch(), **changed)
    given = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    message = (
        "The 'policy' parameter of ShrinkingDNNClassifier replaces 's', 't' and 'alpha', which "
        f"must be left at their defaults. Got {given} with policy={InfoBatch()!r} instead."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        net.fit(*table)
    assert not hasattr(net, "net_")


def test_a_control_visits_as_many_other_rows(table):
    policy = ShrinkRecall(t=0.2, alpha=None)
    chosen = ShrinkingDNNClassifier(**PLAIN, policy=policy).fit(*table)
    random = ShrinkingDNNClassifier(**PLAIN, policy=RandomSubset(policy)).fit(*table)
    assert sizes(random) == sizes(chosen)
    assert min(sizes(chosen)) < 600
    assert not same(random, chosen)


@pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
def test_a_policy_need_not_inherit(table):
    class Half:
        def start(self, n_samples):
            return ActiveSet(torch.arange(n_samples))

        def update(self, active, report, *, generator):
            return ActiveSet(torch.arange(report.n_samples // 2))

    net = ShrinkingDNNClassifier(**PLAIN, policy=Half(), max_epochs=4, full_at_end=0.0)
    assert sizes(net.fit(*table)) == [600, 300, 300, 300]


def test_clones_have_a_policy_of_their_own():
    net = ShrinkingDNNClassifier(policy=ShrinkRecall(s=0.3))
    again = clone(net)
    assert again.policy == net.policy
    assert again.policy is not net.policy


@pytest.mark.parametrize(
    ("net", "grid"),
    [
        ({}, {"s": [0, 0.1, 0.2, 0.3]}),
        ({}, {"policy": [None, FullData(), ShrinkRecall(s=0.5, t=0.2)]}),
        ({"policy": ShrinkRecall(t=0.2)}, {"policy__s": [0.1, 0.5], "policy__t": [0.3]}),
        ({}, [{"s": [0.1, 0.3], "t": [0.5]}, {"policy": [InfoBatch()]}]),
    ],
)
def test_grid_search_over_policies_and_their_parameters(table, net, grid):
    estimator = ShrinkingDNNClassifier(**PLAIN, **net, max_epochs=4)
    before = repr(estimator)
    search = GridSearchCV(estimator, grid, cv=2, error_score="raise").fit(*table)
    assert search.best_estimator_.get_params().items() >= search.best_params_.items()
    assert repr(estimator) == before


def test_parameters_of_the_policy_can_be_set(table):
    net = ShrinkingDNNClassifier(**PLAIN, policy=ShrinkRecall(t=0.2, alpha=None), max_epochs=3)
    assert sizes(net.set_params(policy__s=0.1).fit(*table))[:2] == [600, 540]
    assert sizes(net.set_params(policy__s=0.5).fit(*table))[:2] == [600, 300]


# t="auto": noise is trained on as ever, what is learnt is left out


def noise(n_samples):
    """Labels 60:40, whatever the features."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_samples, 5)), (rng.random(n_samples) < 0.4).astype(int)


LOSSES = [("cross_entropy", 0.5), ("squared_error", None)]


@pytest.mark.parametrize(("loss", "alpha"), LOSSES)
def test_on_noise_auto_is_ordinary_training_bit_for_bit(loss, alpha):
    X, y = noise(2000)
    net = ShrinkingDNNClassifier(**SMALL, loss=loss, alpha=alpha, max_epochs=6).fit(X, y)
    assert sizes(net) == [2000] * 6
    ordinary = ShrinkingDNNClassifier(**SMALL, loss=loss, s=0, max_epochs=6).fit(X, y)
    assert_array_equal(net.predict_proba(X), ordinary.predict_proba(X))


@pytest.mark.parametrize(("loss", "alpha"), LOSSES)
def test_on_clean_data_auto_visits_far_fewer_rows_and_learns_them_all(loss, alpha):
    X, y = make_blobs(2000, 5, centers=3, cluster_std=0.5, random_state=0)
    params = SMALL | {"max_epochs": 20, "lr": 0.01, "batch_size": 16}
    net = ShrinkingDNNClassifier(**params, loss=loss, alpha=alpha).fit(X, y)
    assert sum(sizes(net)) < 0.8 * 20 * 2000  # .58 to .68 with six seeds
    # A step of a fifth leaves 20 batches, and 1/10 of the rows left out are sampled.
    assert 320 < min(sizes(net)) < 700
    assert sizes(net)[-2:] == [2000] * 2
    assert net.score(X, y) > 0.99


def test_of_mislabelled_rows_the_sample_brings_them_back_soon():
    X, y = make_blobs(600, 20, centers=2, random_state=0)
    is_wrong = np.random.default_rng(0).random(600) < 0.2
    longest = []
    for labels in (y, np.where(is_wrong, 1 - y, y)):
        net = ShrinkingDNNClassifier((256,), dropout=0.0, batch_size=8, lr=0.005, max_epochs=20)
        net.set_params(alpha=None, random_state=0).fit(X, labels)
        assert min(sizes(net)) < 600
        out = "".join("x" if size < 600 else " " for size in sizes(net))
        longest.append(max(map(len, out.split())))
    assert longest[1] <= 2 < 5 <= longest[0]


@pytest.mark.parametrize("alpha", [None, 0.5])
def test_a_regressor_with_noise_of_one_kind_trains_on_all_rows(alpha):
    X, y = make_friedman1(1000, noise=5, random_state=0)
    net = ShrinkingDNNRegressor(**SMALL, alpha=alpha, max_epochs=6).fit(X, y)
    assert sizes(net) == [1000] * 6
    ordinary = ShrinkingDNNRegressor(**SMALL, s=0, max_epochs=6).fit(X, y)
    assert_array_equal(net.predict(X), ordinary.predict(X))


@pytest.mark.parametrize("alpha", [None, 0.5])
def test_a_regressor_leaves_out_the_rows_without_noise(alpha):
    rng = np.random.default_rng(0)
    X = (rng.random((1000, 1)) < 0.6).astype(float)
    y = X[:, 0] * rng.normal(size=1000)
    net = ShrinkingDNNRegressor(**SMALL, alpha=alpha, dropout=0.0, lr=0.02, max_epochs=20)
    assert min(sizes(net.fit(X, y))) < 900
    assert sizes(net)[-2:] == [1000] * 2
    assert abs(net.predict([[0.0]])[0]) < 0.1


@dataclass
class Spy(AutoRecall):
    bounded: list = field(default_factory=list)

    def update(self, active, report, *, generator):
        self.bounded.append(report.bounded_outputs)
        return super().update(active, report, generator=generator)


@pytest.mark.parametrize(
    ("estimator", "bounded"),
    [
        (ShrinkingDNNClassifier(), True),
        (ShrinkingDNNClassifier(loss="squared_error"), True),
        (ShrinkingDNNRegressor(), False),
        (ShrinkingDNNRegressor(output_activation="sigmoid"), False),
        (ShrinkingClassifier(nn.Linear(8, 2)), True),
        (ShrinkingClassifier(nn.Linear(8, 2), loss="squared_error"), True),
        (ShrinkingRegressor(nn.Linear(8, 1)), False),
    ],
    ids=str,
)
def test_outputs_of_classifiers_are_bounded(table, estimator, bounded):
    policy = Spy()
    estimator.set_params(policy=policy, max_epochs=3).fit(table[0], table[1] % 2)
    assert set(policy.bounded) == {bounded}
