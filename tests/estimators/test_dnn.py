"""The estimators as somebody uses them."""

from __future__ import annotations

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification, make_friedman1
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EpochScoring

from sk_sdlr import (
    AutoRecall,
    FullData,
    RandomSubset,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    ShrinkRecall,
)
from sk_sdlr.datasets import load_higgs
from sk_sdlr.policies import ActiveSet

PLAIN = {"hidden_layer_sizes": (16,), "batch_norm": False, "dropout": 0.0, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    X, y = make_classification(600, 8, n_informative=5, n_classes=3, random_state=0)
    return X.astype("f"), y


@pytest.fixture(scope="module")
def curve():
    X, y = make_friedman1(600, random_state=0)
    return X.astype("f"), y


def weights(estimator):
    return [tensor.clone() for tensor in estimator.net_.module_.state_dict().values()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def sizes(estimator):
    return [row["n_active"] for row in estimator.history_]


# What it learns


def test_default_classifier_reads_digits():
    X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    model = make_pipeline(StandardScaler(), ShrinkingDNNClassifier(random_state=0)).fit(X, y)
    assert model.score(X_test, y_test) >= 0.97


def test_golden_fit_of_the_classifier(table):
    net = ShrinkingDNNClassifier(**PLAIN, lr=0.01).fit(*table)
    assert 0.75 < net.score(*table) < 0.95
    assert_allclose(net.predict_proba(table[0]).sum(axis=1), 1, rtol=1e-5)


def test_golden_fit_of_the_regressor(curve):
    net = ShrinkingDNNRegressor(**PLAIN, lr=0.02, max_epochs=60).fit(*curve)
    assert 0.85 < net.score(*curve) < 0.999


def test_regressor_has_its_errors_in_the_targets_units(curve):
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


def test_log_probabilities_are_finite_where_probabilities_underflow(table):
    X, y = table
    net = ShrinkingDNNClassifier(**PLAIN).fit(X, y)
    assert np.all(np.isfinite(net.predict_log_proba(1e4 * X)))


def test_sigmoid_outputs_are_normalised_to_probabilities(table):
    net = ShrinkingDNNClassifier(**PLAIN, loss="squared_error").fit(*table)
    outputs = net.net_.predict_proba(table[0])
    assert_allclose(
        net.predict_proba(table[0]), outputs / outputs.sum(axis=1, keepdims=True), rtol=1e-5
    )


def test_classes_may_be_strings(table):
    X, y = table
    names = np.array(["u", "v", "w"])[y]
    net = ShrinkingDNNClassifier(**PLAIN).fit(X, names)
    assert_array_equal(net.classes_, ["u", "v", "w"])
    assert set(net.predict(X)) <= {"u", "v", "w"}


# Which rows it visits


@pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
def test_s_t_alpha_and_recall_make_the_policy(table):
    net = ShrinkingDNNClassifier(**PLAIN, s=0.5, t=200, alpha=None, anneal=0.0, max_epochs=6)
    assert sizes(net.fit(*table)) == [600, 300, 150, 600, 300, 150]
    net.set_params(recall=False)
    assert sizes(net.fit(*table)) == [600, 300, 150, 150, 150, 150]


def test_a_policy_takes_the_place_of_s(table):
    net = ShrinkingDNNClassifier(**PLAIN, policy=FullData(), max_epochs=3)
    assert sizes(net.fit(*table)) == [600] * 3


def test_s_of_zero_is_ordinary_training(table):
    ordinary = ShrinkingDNNClassifier(**PLAIN, policy=FullData()).fit(*table)
    assert same(ShrinkingDNNClassifier(**PLAIN, s=0.0).fit(*table), ordinary)


def test_random_subset_visits_as_many_other_rows(table):
    policy = ShrinkRecall(t=0.2, alpha=None)
    chosen = ShrinkingDNNClassifier(**PLAIN, policy=policy).fit(*table)
    random = ShrinkingDNNClassifier(**PLAIN, policy=RandomSubset(policy)).fit(*table)
    assert sizes(random) == sizes(chosen)
    assert not same(random, chosen)


@pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
def test_max_visits_bounds_the_visits_in_place_of_epochs(table):
    net = ShrinkingDNNClassifier(**PLAIN, t=0.2, max_visits=5, max_epochs=1, anneal=0.0)
    assert len(sizes(net.fit(*table))) > 5
    visited = sum(sizes(net)[:-1])
    assert visited < 5 * 600 <= visited + sizes(net)[-1]


def test_anneal_ends_on_all_rows(table):
    net = ShrinkingDNNClassifier(**PLAIN, t=0.2, alpha=None, max_epochs=10, anneal=0.3)
    assert sizes(net.fit(*table))[-3:] == [600] * 3
    assert sizes(net)[-4] < 600


@pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
def test_history_has_one_record_an_epoch(table):
    net = ShrinkingDNNClassifier(**PLAIN, t=0.2, max_epochs=4, anneal=0.0).fit(*table)
    keys = {"epoch", "n_active", "threshold", "train_loss", "lr", "duration"}
    assert [set(row) for row in net.history_] == [keys] * 4
    assert [row["epoch"] for row in net.history_] == [1, 2, 3, 4]
    assert net.n_iter_ == 4
    assert net.loss_curve_ == [row["train_loss"] for row in net.history_]
    assert net.history_[0]["threshold"] > 0
    assert net.history_[-1]["threshold"] is None
    assert [row["lr"] for row in net.history_] == pytest.approx([0.002, 0.0015, 0.001, 0.0005])


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


@pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
def test_weights_count_in_the_errors_that_rows_are_dropped_by(table):
    """With one class a thousand times heavier, the other two leave first."""
    X, y = table
    visited = []

    class Spy(Callback):
        def on_batch_begin(self, net, batch, training, **kwargs):
            if net.history[-1, "epoch"] == 2:
                visited.extend(batch[1].tolist())

    net = ShrinkingDNNClassifier(**PLAIN, s=0.5, t=0.2, alpha=None, anneal=0.0)
    net.set_params(callbacks=[Spy()], max_epochs=2)
    net.fit(X, y, sample_weight=np.where(y == 2, 1000.0, 1.0))
    assert visited.count(2) == np.sum(y == 2)


def test_class_weight_multiplies_sample_weight(table):
    X, y = table
    sample_weight = np.random.default_rng(0).random(600)
    by_class = ShrinkingDNNClassifier(**PLAIN, class_weight={0: 1, 1: 2, 2: 4})
    by_class.fit(X, y, sample_weight=sample_weight)
    by_row = ShrinkingDNNClassifier(**PLAIN)
    by_row.fit(X, y, sample_weight=sample_weight * np.array([1, 2, 4])[y])
    assert same(by_class, by_row)


# Going on, stopping, holding out


def test_warm_start_goes_on_from_the_weights(table):
    net = ShrinkingDNNClassifier(**PLAIN, warm_start=True, max_epochs=3).fit(*table)
    module = net.net_.module_
    net.fit(*table)
    assert net.net_.module_ is module
    assert net.n_iter_ == 6
    assert net.history_[3]["train_loss"] < net.history_[0]["train_loss"]
    assert net.history_[3]["lr"] == net.history_[0]["lr"]


def test_warm_start_refuses_other_classes(table):
    X, y = table
    net = ShrinkingDNNClassifier(**PLAIN, warm_start=True, max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="previously unseen labels"):
        net.fit(X, y + 1)


def test_fit_without_warm_start_begins_anew(table):
    net = ShrinkingDNNClassifier(**PLAIN).fit(*table)
    before = weights(net)
    net.fit(*table)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(net), strict=True))


def test_partial_fit_visits_each_row_once(table):
    X, y = table
    net = ShrinkingDNNClassifier(**PLAIN)
    for part in np.array_split(np.arange(600), 3):
        net.partial_fit(X[part], y[part], classes=[0, 1, 2])
    assert sizes(net) == [200] * 3
    assert [row["lr"] for row in net.history_] == [0.002] * 3


def test_partial_fit_learns(curve):
    X, y = curve
    net = ShrinkingDNNRegressor(**PLAIN, lr=0.01)
    for _ in range(40):
        net.partial_fit(X, y)
    assert net.score(X, y) > 0.7


def test_early_stopping_keeps_the_best_weights(table):
    net = ShrinkingDNNClassifier(
        **PLAIN, early_stopping=True, max_epochs=200, n_iter_no_change=3, lr=0.05, lr_schedule=None
    ).fit(*table)
    losses = [row["valid_loss"] for row in net.history_]
    assert len(losses) < 200
    assert np.argmin(losses) < len(losses) - 1
    assert sizes(net)[0] == 540
    _, held_out = train_test_split(
        np.arange(600), test_size=0.1, random_state=seed_of(net), stratify=table[1]
    )
    p = net.predict_log_proba(table[0][held_out])
    loss = -p[np.arange(60), table[1][held_out]].mean()
    assert loss == pytest.approx(min(losses), rel=1e-4)


def seed_of(net):
    return net.net_.random_state


@pytest.mark.parametrize("epoch", [1, 3])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_interrupted_fit_warns_and_is_usable(table, epoch, early_stopping):
    class Interrupt(Callback):
        def on_batch_begin(self, net, **kwargs):
            if len(net.history) == epoch:
                raise KeyboardInterrupt

    net = ShrinkingDNNClassifier(**PLAIN, callbacks=[Interrupt()], early_stopping=early_stopping)
    with pytest.warns(UserWarning, match=f"interrupted after {epoch - 1} complete epochs"):
        net.fit(*table)
    assert net.n_iter_ == epoch - 1
    assert net.predict(table[0]).shape == (600,)


def test_divergence_names_the_epoch_and_keeps_the_last_good_weights(table):
    net = ShrinkingDNNRegressor(**PLAIN, optimizer="sgd", lr=1e9, max_epochs=5)
    with pytest.raises(FloatingPointError, match=r"in epoch \d+, at a learning rate of .*Try"):
        net.fit(*table)
    assert all(torch.isfinite(tensor).all() for tensor in weights(net))
    assert np.all(np.isfinite(net.predict(table[0])))
    assert net.n_iter_ == len(net.history_) < 5


# Being an ordinary estimator


@pytest.mark.parametrize("options", [{}, {"batch_norm": True, "dropout": 0.3}], ids=["plain", "bn"])
def test_same_seed_gives_the_same_bits(table, options):
    def make(seed):
        return ShrinkingDNNClassifier(**{**PLAIN, **options, "random_state": seed})

    assert same(make(1).fit(*table), make(1).fit(*table))
    assert not same(make(1).fit(*table), make(2).fit(*table))


def test_global_state_is_left_as_it_was(table):  # numpy's legacy state is the global one
    before = np.random.get_state()[1].copy(), torch.get_rng_state(), torch.get_num_threads()
    ShrinkingDNNClassifier(random_state=0, max_epochs=2).fit(*table).predict(table[0])
    after = np.random.get_state()[1], torch.get_rng_state(), torch.get_num_threads()
    assert_array_equal(after[0], before[0])
    assert torch.equal(after[1], before[1])
    assert after[2] == before[2]
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("copies", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_predict_the_same(table, copies):
    net = ShrinkingDNNClassifier(**PLAIN).fit(*table)
    again = copies(net)
    assert same(net, again)
    assert_array_equal(net.predict_proba(table[0]), again.predict_proba(table[0]))


def test_joblib_round_trip(table, tmp_path):
    net = ShrinkingDNNRegressor(**PLAIN).fit(*table)
    joblib.dump(net, tmp_path / "net.joblib")
    assert_array_equal(
        joblib.load(tmp_path / "net.joblib").predict(table[0]), net.predict(table[0])
    )


@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "n_iter_no_change": 5}])
def test_pickle_holds_no_training_data(options):
    def size(n_samples):
        X, y = np.random.default_rng(0).normal(size=(n_samples, 50)), np.arange(n_samples) % 2
        net = ShrinkingDNNClassifier(**PLAIN, max_epochs=2, batch_size=100, **options)
        return len(pickle.dumps(net.fit(X, y)))

    assert abs(size(4000) - size(500)) < 200


def test_clone_copies_the_policy(table):
    net = ShrinkingDNNClassifier(policy=ShrinkRecall(s=0.3))
    again = clone(net)
    assert again.policy == net.policy
    assert again.policy is not net.policy


def test_grid_search_over_s_in_a_pipeline(table):
    pipeline = make_pipeline(StandardScaler(), ShrinkingDNNClassifier(**PLAIN, max_epochs=3))
    grid = {"shrinkingdnnclassifier__s": [0, 0.1, 0.2, 0.3]}
    search = GridSearchCV(pipeline, grid, n_jobs=2, cv=2).fit(*table)
    assert search.best_params_["shrinkingdnnclassifier__s"] in grid["shrinkingdnnclassifier__s"]
    assert np.all(np.isfinite(search.cv_results_["mean_test_score"]))


def test_grid_search_over_a_parameter_of_the_policy(table):
    net = ShrinkingDNNClassifier(**PLAIN, max_epochs=3, policy=AutoRecall())
    search = GridSearchCV(net, {"policy__s": [0.1, 0.5]}, cv=2, refit=False).fit(*table)
    assert len(search.cv_results_["params"]) == 2
    assert net.policy.s == 0.2


@pytest.mark.data
@pytest.mark.slow
def test_grid_search_on_higgs():
    X, y = load_higgs(n_samples=20_000, return_X_y=True)
    pipeline = make_pipeline(
        StandardScaler(), ShrinkingDNNClassifier(max_epochs=6, anneal=0.1, random_state=0)
    )
    grid = {"shrinkingdnnclassifier__s": [0, 0.1, 0.2, 0.3]}
    search = GridSearchCV(pipeline, grid, n_jobs=2, cv=3).fit(X, y)
    linear = make_pipeline(StandardScaler(), LogisticRegression())
    assert search.best_score_ > cross_val_score(linear, X, y, cv=3).mean() + 0.02


def test_data_frames_lend_their_column_names(table):
    X = pd.DataFrame(table[0], columns=[f"x{i}" for i in range(8)])
    net = ShrinkingDNNClassifier(**PLAIN).fit(X, table[1])
    assert_array_equal(net.feature_names_in_, X.columns)
    assert_array_equal(
        net.predict(X), ShrinkingDNNClassifier(**PLAIN).fit(*table).predict(table[0])
    )


def test_inputs_are_not_written_to(table):
    X, y = table[0].copy(), table[1].copy()
    X.flags.writeable = y.flags.writeable = False
    net = ShrinkingDNNClassifier(**PLAIN).fit(X, y)
    assert same(net, ShrinkingDNNClassifier(**PLAIN).fit(*table))


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8"])
def test_features_of_any_number_type_are_taken(dtype):
    X = np.arange(200).reshape(50, 4).astype(dtype)
    net = ShrinkingDNNClassifier(**PLAIN, max_epochs=1).fit(X, np.arange(50) % 2)
    assert net.predict_proba(X).dtype == np.float32


def test_precision_float64_is_float64_throughout(table):
    net = ShrinkingDNNClassifier(**PLAIN, precision="float64").fit(*table)
    assert {tensor.dtype for tensor in weights(net)} == {torch.float64}
    assert net.predict_proba(table[0]).dtype == np.float64


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw", torch.optim.RMSprop])
def test_every_optimizer_learns(table, optimizer):
    net = ShrinkingDNNClassifier(**PLAIN, optimizer=optimizer, momentum=0.9, lr=0.01)
    assert net.fit(*table).score(*table) > 0.6


@pytest.mark.parametrize("hidden", [(), 8, [8, 4], np.array([8])])
def test_hidden_layer_sizes_in_every_form(table, hidden):
    net = ShrinkingDNNClassifier(**{**PLAIN, "hidden_layer_sizes": hidden}, max_epochs=2)
    expected = [hidden] if isinstance(hidden, int) else list(hidden)
    linears = net.fit(*table).net_.module_.linears
    assert [linear.out_features for linear in linears] == [*expected, 3]


def test_user_callbacks_are_called_and_can_be_read(table):
    class Count(Callback):
        epochs = 0

        def on_epoch_end(self, net, **kwargs):
            self.epochs += 1

    count = Count()
    ShrinkingDNNClassifier(**PLAIN, max_epochs=4, callbacks=[count]).fit(*table)
    assert count.epochs == 4


def test_skorchs_scoring_callbacks_see_classes(table):
    scoring = EpochScoring("accuracy", on_train=True, name="accuracy")
    net = ShrinkingDNNClassifier(**PLAIN, s=0.0, lr=0.01, max_epochs=20, callbacks=[scoring])
    net.fit(*table)
    assert net.history_[-1]["accuracy"] == pytest.approx(net.score(*table), abs=0.02)


@pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
def test_a_policy_need_not_inherit(table):
    class Half:
        def start(self, n_samples):
            return ActiveSet(torch.arange(n_samples))

        def update(self, active, epoch, *, generator):
            return ActiveSet(torch.arange(epoch.n_samples // 2))

    net = ShrinkingDNNClassifier(**PLAIN, policy=Half(), max_epochs=4, anneal=0.0)
    assert sizes(net.fit(*table)) == [600, 300, 300, 300]


def test_verbose_prints_a_line_an_epoch(table, capsys):
    ShrinkingDNNClassifier(**PLAIN, max_epochs=3, verbose=1).fit(*table)
    lines = capsys.readouterr().out.strip().splitlines()
    assert "n_active" in lines[0]
    assert len(lines) == 2 + 3
    ShrinkingDNNClassifier(**PLAIN, max_epochs=3).fit(*table)
    assert capsys.readouterr().out == ""
