"""From X and y to a trained net: what all estimators share."""

from __future__ import annotations

import copy
import pickle

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sk_sdlr import ShrinkingDNNClassifier, ShrinkingDNNRegressor, ShrinkRecall
from sk_sdlr.datasets import load_higgs
from tests.estimators.helpers import KINDS, PLAIN, same, sizes, weights

X = np.random.default_rng(0).normal(size=(40, 3)).astype("f")
Y = np.arange(40) % 2


def with_bad_value(value):
    bad = X.copy()
    bad[7, 1] = value
    return bad


# Data that are refused


@pytest.mark.parametrize(
    ("features", "targets", "message"),
    [
        (with_bad_value(np.nan), Y, "NaN"),
        (with_bad_value(np.inf), Y, "infinity"),
        (X.astype("f8") * 1e300, Y, "too large for dtype"),
        (X, np.where(Y, np.nan, 0.0), "NaN"),
        (X, np.where(Y, np.inf, 0.0), "infinity"),
        (X, Y[:30], "inconsistent numbers of samples"),
        (X[:0], Y[:0], "0 sample"),
        (X[:, 0], Y, "Expected 2D array"),
        (X, None, "requires y to be passed"),
    ],
)
@pytest.mark.parametrize("kind", [ShrinkingDNNClassifier, ShrinkingDNNRegressor])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, on the way to the error
def test_bad_data_are_refused_before_any_work(kind, features, targets, message):
    estimator = kind()
    with pytest.raises(ValueError, match=message):
        estimator.fit(features, targets)
    assert vars(estimator) == vars(kind())


@pytest.mark.parametrize(
    ("params", "targets", "weight", "message"),
    [
        ({}, np.ones(40, int), None, "needs at least two classes in y. Got one class only, 1, ins"),
        ({}, X[:, 0], None, "Unknown label type"),
        ({}, Y, -np.ones(40), "[Nn]egative"),
        ({}, Y, np.zeros(40), "non-zero"),
        ({"early_stopping": True}, np.where(np.arange(40), 2, 7), None, "least populated class"),
        ({"early_stopping": True, "validation_fraction": 0.99}, Y, None, "train set will be empty"),
    ],
)
def test_classes_and_weights_that_are_refused(params, targets, weight, message):
    net = ShrinkingDNNClassifier(**params)
    with pytest.raises(ValueError, match=message):
        net.fit(X, targets, sample_weight=weight)
    assert vars(net) == vars(ShrinkingDNNClassifier(**params))


def test_sigmoid_targets_outside_the_unit_interval_are_refused():
    message = r"targets in \[0, 1\]\. Got y in \[0, 2\] instead\."
    with pytest.raises(ValueError, match=message):
        ShrinkingDNNRegressor(output_activation="sigmoid").fit(X, 2.0 * Y)


def test_a_bad_second_fit_leaves_the_first_in_place():
    net = ShrinkingDNNClassifier((4,), max_epochs=1).fit(X, Y)
    before, predicted = vars(net).copy(), net.predict_proba(X)
    # Other features and other classes, so that whatever is kept of them can be seen.
    for bad, message in ((with_bad_value(np.nan)[:, :2], "NaN"), (X[:30, :2], "inconsistent")):
        with pytest.raises(ValueError, match=message):
            net.fit(bad, Y + 1)
    with pytest.raises(ValueError, match="'s'"):
        net.set_params(s=2.0).fit(X[:, :2], Y + 1)
    net.set_params(s=before["s"])
    assert vars(net).keys() == before.keys()
    assert [name for name, value in before.items() if getattr(net, name) is not value] == []
    assert_array_equal(net.predict_proba(X), predicted)


# Data that are taken


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8"])
def test_features_of_any_number_type_are_taken(dtype):
    X = np.arange(200).reshape(50, 4).astype(dtype)
    net = ShrinkingDNNClassifier(**PLAIN, max_epochs=1).fit(X, np.arange(50) % 2)
    assert net.predict_proba(X).dtype == np.float32


@pytest.mark.parametrize("batch_size", [1, 7, 40, 1000])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_any_batch_size_works(batch_size, batch_norm):
    net = ShrinkingDNNClassifier(
        (8,), batch_size=batch_size, batch_norm=batch_norm, max_epochs=3, random_state=0
    )
    assert net.fit(X, Y).predict(X).shape == (40,)


def test_classes_may_be_strings(table):
    X, y = table
    names = np.array(["u", "v", "w"])[y]
    net = ShrinkingDNNClassifier(**PLAIN).fit(X, names)
    assert_array_equal(net.classes_, ["u", "v", "w"])
    numbers = ShrinkingDNNClassifier(**PLAIN).fit(X, y).predict(X)
    assert_array_equal(net.predict(X), net.classes_[numbers])


@pytest.mark.parametrize("kind", KINDS)
def test_inputs_are_not_written_to(kind, table):
    X, y = table[0].copy(), table[1].copy()
    X.flags.writeable = y.flags.writeable = False
    net = KINDS[kind](max_epochs=2, random_state=0).fit(X, y)
    assert same(net, KINDS[kind](max_epochs=2, random_state=0).fit(*table))


# Weights of samples and classes


def test_rows_of_weight_zero_are_not_there(table):
    X, y = table
    weight = np.ones(600)
    weight[300:] = 0
    weighted = ShrinkingDNNClassifier(**PLAIN).fit(X, y, sample_weight=weight)
    assert same(weighted, ShrinkingDNNClassifier(**PLAIN).fit(X[:300], y[:300]))
    assert sizes(weighted)[0] == 300


def test_weights_count_relative_to_their_mean(table):
    weight = np.random.default_rng(0).random(600)
    once = ShrinkingDNNClassifier(**PLAIN).fit(*table, sample_weight=weight)
    twice = ShrinkingDNNClassifier(**PLAIN).fit(*table, sample_weight=2 * weight)
    assert same(once, twice)


def test_weights_count_in_the_errors_that_rows_are_dropped_by(table):
    """With one class a thousand times heavier, the other two leave first."""
    X, y = table
    visited = []

    class Spy(Callback):
        def on_batch_begin(self, net, batch, training, **kwargs):
            if net.history[-1, "epoch"] == 2:
                visited.extend(batch[1].tolist())

    policy = ShrinkRecall(s=0.5, t=0.2, alpha=None)
    net = ShrinkingDNNClassifier(**PLAIN, policy=policy, callbacks=[Spy()], max_epochs=3)
    net.fit(X, y, sample_weight=np.where(y == 2, 1000.0, 1.0))
    assert len(visited) == 300
    assert visited.count(2) == np.sum(y == 2)


def test_class_weight_multiplies_sample_weight(table):
    X, y = table
    sample_weight = np.random.default_rng(0).random(600)
    by_class = ShrinkingDNNClassifier(**PLAIN, class_weight={0: 1, 1: 2, 2: 4})
    by_class.fit(X, y, sample_weight=sample_weight)
    by_row = ShrinkingDNNClassifier(**PLAIN)
    by_row.fit(X, y, sample_weight=sample_weight * np.array([1, 2, 4])[y])
    assert same(by_class, by_row)


# What is kept of a fit


def test_history_has_one_record_an_epoch(table):
    net = ShrinkingDNNClassifier(**PLAIN, t=0.2, max_epochs=4).fit(*table)
    keys = {"epoch", "n_active", "threshold", "train_loss", "lr", "duration"}
    assert [set(row) for row in net.history_] == [keys] * 4
    assert [row["epoch"] for row in net.history_] == [1, 2, 3, 4]
    assert net.n_iter_ == 4
    assert net.loss_curve_ == [row["train_loss"] for row in net.history_]
    assert net.history_[0]["threshold"] > 0
    assert net.history_[-1]["threshold"] is None
    assert [row["lr"] for row in net.history_] == pytest.approx([0.002, 0.0015, 0.001, 0.0005])


def test_divergence_names_the_epoch_and_keeps_the_last_good_weights(table):
    net = ShrinkingDNNRegressor(**PLAIN, optimizer="sgd", lr=1e9, max_epochs=5)
    with pytest.raises(FloatingPointError, match=r"in epoch \d+, at a learning rate of .*Try"):
        net.fit(*table)
    assert all(torch.isfinite(tensor).all() for tensor in weights(net))
    assert np.all(np.isfinite(net.predict(table[0])))
    assert net.n_iter_ == len(net.history_) < 5


def test_verbose_prints_a_line_an_epoch(table, capsys):
    ShrinkingDNNClassifier(**PLAIN, max_epochs=3, verbose=1).fit(*table)
    lines = capsys.readouterr().out.strip().splitlines()
    assert "n_active" in lines[0]
    assert len(lines) == 2 + 3
    ShrinkingDNNClassifier(**PLAIN, max_epochs=3).fit(*table)
    assert capsys.readouterr().out == ""


# Being an ordinary estimator


@pytest.mark.parametrize("kind", KINDS)
def test_the_random_state_alone_decides_and_global_state_is_left_as_it_was(kind, table):
    def fit(seed):
        return KINDS[kind](max_epochs=2, random_state=seed).fit(*table)

    first = fit(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        before = np.random.get_state()[1].copy(), torch.get_rng_state(), torch.get_num_threads()
        again = fit(1)
        again.predict(table[0])
        after = np.random.get_state()[1], torch.get_rng_state(), torch.get_num_threads()
    assert same(first, again)
    assert not same(first, fit(2))
    assert_array_equal(after[0], before[0])
    assert torch.equal(after[1], before[1])
    assert after[2] == before[2]
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("kind", KINDS)
def test_copies_predict_the_same_and_go_on_the_same(kind, table, tmp_path):
    net = KINDS[kind](max_epochs=2, random_state=0).fit(*table)
    path = joblib.dump(net, tmp_path / "net.joblib")
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net)), joblib.load(path[0])]
    for again in copies:
        assert_array_equal(net.predict_proba(table[0]), again.predict_proba(table[0]))
    net.partial_fit(*table)
    assert all(same(net, again.partial_fit(*table)) for again in copies)


@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "n_iter_no_change": 5}])
def test_pickle_holds_no_training_data(options):
    def size(n_samples):
        X, y = np.random.default_rng(0).normal(size=(n_samples, 50)), np.arange(n_samples) % 2
        net = ShrinkingDNNClassifier(**PLAIN, max_epochs=2, batch_size=100, **options)
        return len(pickle.dumps(net.fit(X, y)))

    assert abs(size(4000) - size(500)) < 200


def test_grid_search_over_s_in_a_pipeline(table):
    pipeline = make_pipeline(StandardScaler(), ShrinkingDNNClassifier(**PLAIN, max_epochs=3))
    grid = {"shrinkingdnnclassifier__s": [0, 0.1, 0.2, 0.3]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(*table)
    assert search.best_estimator_[-1].s == search.best_params_["shrinkingdnnclassifier__s"]
    assert len(search.cv_results_["mean_test_score"]) == 4


@pytest.mark.data
@pytest.mark.slow
def test_grid_search_on_higgs(real_home):
    X, y = load_higgs(n_samples=20_000, return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), ShrinkingDNNClassifier(max_epochs=6, random_state=0))
    grid = {"shrinkingdnnclassifier__s": [0, 0.1, 0.2, 0.3]}
    search = GridSearchCV(pipeline, grid, n_jobs=2, cv=3).fit(X, y)
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    assert search.best_score_ > cross_val_score(linear, X, y, cv=3).mean() + 0.02
