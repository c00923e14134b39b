"""t="auto" as somebody uses it: noise is trained on as ever, what is learnt is left out."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import make_blobs, make_friedman1
from torch import nn

from sk_sdlr import (
    AutoRecall,
    RandomSubset,
    ShrinkingClassifier,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    ShrinkingRegressor,
)

SMALL = {"hidden_layer_sizes": (16,), "random_state": 0}
CLASSES = make_blobs(600, 4, centers=3, random_state=0)


def sizes(estimator):
    return [row["n_active"] for row in estimator.history_]


def noise(n_samples):
    """Labels 60:40, whatever the features."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(n_samples, 5)), (rng.random(n_samples) < 0.4).astype(int)


@pytest.mark.parametrize("alpha", [None, 0.5])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_on_noise_it_is_ordinary_training_bit_for_bit(loss, alpha):
    X, y = noise(2000)
    net = ShrinkingDNNClassifier(**SMALL, loss=loss, alpha=alpha, max_epochs=10).fit(X, y)
    assert sizes(net) == [2000] * 10
    ordinary = ShrinkingDNNClassifier(**SMALL, loss=loss, s=0, max_epochs=10).fit(X, y)
    assert_array_equal(net.predict_proba(X), ordinary.predict_proba(X))


@pytest.mark.parametrize("alpha", [None, 0.5])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_on_clean_data_it_visits_far_fewer_rows_and_learns_them_all(loss, alpha):
    X, y = make_blobs(2000, 5, centers=3, cluster_std=0.5, random_state=0)
    params = SMALL | {"max_epochs": 20, "lr": 0.01, "batch_size": 16}
    net = ShrinkingDNNClassifier(**params, loss=loss, alpha=alpha).fit(X, y)
    assert sum(sizes(net)) < 0.7 * 20 * 2000
    # A step of a fifth leaves 20 batches, and 1/10 of the rows left out are sampled.
    assert 320 < min(sizes(net)) < 700
    assert sizes(net)[-2:] == [2000] * 2
    assert net.score(X, y) > 0.99


@pytest.mark.parametrize("seed", range(2))
def test_of_mislabelled_rows_the_sample_brings_them_back_soon(seed):
    X, y = make_blobs(600, 20, centers=2, random_state=seed)
    is_wrong = np.random.default_rng(seed).random(600) < 0.2
    longest = []
    for labels in (y, np.where(is_wrong, 1 - y, y)):
        net = ShrinkingDNNClassifier((256,), dropout=0.0, batch_size=8, lr=0.005, max_epochs=20)
        net.set_params(alpha=None, random_state=0).fit(X, labels)
        assert min(sizes(net)) < 600
        out = "".join("x" if size < 600 else " " for size in sizes(net))
        longest.append(max(map(len, out.split())))
    assert longest[1] <= 2 < 5 <= longest[0]


def test_it_is_the_default():
    assert ShrinkingDNNClassifier().t == ShrinkingDNNRegressor().t == "auto"
    assert ShrinkingDNNClassifier(s=0.3)._policy() == AutoRecall(s=0.3)


def test_a_control_draws_as_many_rows():
    params = SMALL | {"max_epochs": 12, "lr": 0.01, "batch_size": 4}
    policy = RandomSubset(AutoRecall())
    net = ShrinkingDNNClassifier(**params, policy=policy).fit(*CLASSES)
    assert sizes(net)[0] == 600
    assert min(sizes(net)) < 600


@pytest.mark.parametrize("alpha", [None, 0.5])
def test_a_regressor_with_noise_of_one_kind_trains_on_all_rows(alpha):
    X, y = make_friedman1(1000, noise=5, random_state=0)
    net = ShrinkingDNNRegressor(**SMALL, alpha=alpha, max_epochs=10).fit(X, y)
    assert sizes(net) == [1000] * 10
    ordinary = ShrinkingDNNRegressor(**SMALL, s=0, max_epochs=10).fit(X, y)
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


@pytest.mark.parametrize("t", ["x", "AUTO", "", 0, 1.5, None])
def test_another_t_is_refused_before_any_work(t):
    net = ShrinkingDNNClassifier(t=t)
    with pytest.raises(ValueError, match=r"The 't' parameter of ShrinkingDNNClassifier.*'auto'"):
        net.fit(*CLASSES)
    assert not hasattr(net, "net_")
    assert not hasattr(net, "n_features_in_")


@dataclass
class Spy(AutoRecall):
    bounded: list = field(default_factory=list)

    def update(self, active, epoch, *, generator):
        self.bounded.append(epoch.bounded_outputs)
        return super().update(active, epoch, generator=generator)


@pytest.mark.parametrize(
    ("estimator", "bounded"),
    [
        (ShrinkingDNNClassifier(**SMALL), True),
        (ShrinkingDNNClassifier(**SMALL, loss="squared_error"), True),
        (ShrinkingDNNRegressor(**SMALL), False),
        (ShrinkingDNNRegressor(**SMALL, output_activation="sigmoid"), False),
        (ShrinkingClassifier(nn.Linear), True),
        (ShrinkingClassifier(nn.Linear, loss="squared_error"), True),
        (ShrinkingRegressor(nn.Linear), False),
    ],
    ids=str,
)
def test_outputs_of_classifiers_are_bounded(estimator, bounded):
    X, y = CLASSES[0], CLASSES[1] % 2
    policy = Spy()
    if isinstance(estimator, ShrinkingClassifier | ShrinkingRegressor):
        n_outputs = 2 if isinstance(estimator, ShrinkingClassifier) else 1
        estimator.set_params(module=nn.Linear(4, n_outputs))
    estimator.set_params(policy=policy, max_epochs=3, random_state=0).fit(X, y)
    assert set(policy.bounded) == {bounded}
