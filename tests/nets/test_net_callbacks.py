"""Skorch's callbacks as people use them, on an ActiveSetNet and inside estimators."""

import math
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.metrics import get_scorer
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LoadInitState,
    LRScheduler,
    ProgressBar,
    TrainEndCheckpoint,
    Unfreezer,
)
from skorch.dataset import ValidSplit

from sk_sdlr import ShrinkingClassifier, ShrinkingDNNClassifier, ShrinkingDNNRegressor
from sk_sdlr.modules import MLP
from sk_sdlr.nets import ActiveSetNetClassifier
from sk_sdlr.policies import FullData
from tests.nets.cases import N_BATCHES, STEPS, X, Y, column, make_net, shrinking, weights

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
LABELS = np.array(["no", "yes"])[Y]
TRAIN, VALID = slice(10, None), slice(None, 10)  # as KFold of 5 parts has them


@dataclass
class Case:
    """Something fitted, with the skorch net in it."""

    fitted: object
    net: object
    labels: np.ndarray = field(default_factory=lambda: Y)


def fit_net(callbacks, *, validate=False, flipped=False, **params):
    params = {"cls": ActiveSetNetClassifier, "module__hidden_layer_sizes": (4,)} | params
    split = ValidSplit(5) if validate else None
    y = np.concatenate([1 - Y[VALID], Y[TRAIN]]) if flipped else Y
    net = make_net(callbacks=callbacks, train_split=split, **params).fit(X, y)
    return Case(net, net)


def fit_estimator(make, callbacks, *, validate=False, flipped=False, optimizer="sgd", **params):
    shared = {"policy": FullData(), "full_at_end": 0, "lr_schedule": None, "device": "cpu"}
    shared |= {"max_epochs": 4, "lr": 0.1, "batch_size": 8, "random_state": 0}
    model = make(callbacks=callbacks, optimizer=optimizer, **shared | params)
    if validate:
        labels = np.array(["no", "yes"])[1 - Y] if flipped else LABELS
        model.fit(X[TRAIN], LABELS[TRAIN], X_val=X[VALID], y_val=labels[VALID])
    else:
        model.fit(X, LABELS)
    return Case(model, model.net_, LABELS)


def dnn(**params):
    plain = {"hidden_layer_sizes": (4,), "dropout": 0, "batch_norm": False, "activation": "relu"}
    return ShrinkingDNNClassifier(**plain | params)


def own_module(**params):
    return ShrinkingClassifier(MLP, module__hidden_layer_sizes=(4,), **params)


def fit_dnn(callbacks, **params):
    return fit_estimator(dnn, callbacks, **params)


def fit_squared_error(callbacks, **params):
    return fit_estimator(dnn, callbacks, loss="squared_error", **params)


def fit_own_module(callbacks, **params):
    return fit_estimator(own_module, callbacks, **params)


EACH = pytest.mark.parametrize("fit", [fit_net, fit_dnn, fit_squared_error, fit_own_module])
NET_AND_DNN = pytest.mark.parametrize("fit", [fit_net, fit_dnn])


class Keep(Callback):
    """Keeps the weights of each epoch."""

    def initialize(self):
        self.weights_ = []
        return self

    def on_epoch_end(self, net, **kwargs):
        self.weights_.append(weights(net))


def assert_weights(net, expected):
    torch.testing.assert_close(weights(net), expected, rtol=0, atol=0)


# Checkpoints


@EACH
@pytest.mark.parametrize("load_best", [False, True])
def test_a_checkpoint_has_the_weights_of_the_lowest_validation_loss(fit, load_best, tmp_path):
    checkpoint, keep = Checkpoint(dirname=tmp_path, load_best=load_best), Keep()
    # Against the other classes it rises sooner or later.
    net = fit([checkpoint, keep], validate=True, flipped=True, lr=0.05, max_epochs=6).net
    losses = [record["valid_loss"] for record in net.history]
    best = int(np.argmin(losses))
    assert len(keep.weights_) == 6
    assert best < 5
    assert_weights(net, keep.weights_[best if load_best else -1])
    net.load_params(checkpoint=checkpoint)
    assert_weights(net, keep.weights_[best])
    assert len(net.history) == best + 1  # which is part of the checkpoint


@EACH
def test_a_checkpoint_may_go_by_the_training_loss(fit, tmp_path):
    checkpoint, keep = Checkpoint(monitor="train_loss_best", dirname=tmp_path), Keep()
    # The mean over the active rows rises as those of low error leave.
    net = fit([checkpoint, keep], policy=shrinking(), lr=0.01).net
    best = int(np.argmin(column(net, "train_loss")))
    assert best < 3
    net.load_params(checkpoint=checkpoint)
    assert_weights(net, keep.weights_[best])


def test_a_checkpoint_and_early_stopping_agree(tmp_path):
    checkpoint = Checkpoint(dirname=tmp_path)
    params = {"early_stopping": True, "n_iter_no_change": 2, "max_epochs": 30, "lr": 0.5}
    model = fit_dnn([checkpoint], **params).fitted
    assert model.n_iter_ < 30
    expected = weights(model.net_)
    model.net_.load_params(checkpoint=checkpoint)
    assert_weights(model.net_, expected)


@NET_AND_DNN
def test_training_goes_on_from_what_was_saved_at_its_end(fit, tmp_path):
    at_end = partial(TrainEndCheckpoint, dirname=tmp_path)
    first, second = (fit([saved, LoadInitState(saved)]).net for saved in (at_end(), at_end()))
    assert column(second, "epoch") == list(range(1, 9))
    assert_weights(second, weights(first.partial_fit(X, Y)))


# Scores


@EACH
@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc", "neg_log_loss"])
@pytest.mark.parametrize("use_caching", [True, False])
@pytest.mark.parametrize("on_train", [True, False])
def test_epochs_are_scored(fit, on_train, use_caching, scoring):
    callback = EpochScoring(
        scoring, name="score", lower_is_better=False, on_train=on_train, use_caching=use_caching
    )
    # At such a rate the outputs in the training pass are those afterwards.
    case = fit([callback], validate=True, lr=1e-12, max_epochs=2)
    rows = TRAIN if on_train else VALID
    score = get_scorer(scoring)(case.fitted, X[rows], case.labels[rows])
    assert column(case.net, "score") == pytest.approx([score] * 2, rel=1e-5)
    assert case.net.history[0, "score_best"]


@EACH
@pytest.mark.parametrize("use_caching", [True, False])
def test_batches_are_scored(fit, use_caching):
    callbacks = [
        BatchScoring(
            "accuracy", name=name, lower_is_better=False, on_train=t, use_caching=use_caching
        )
        for name, t in (("train", True), ("valid", False))
    ]
    case = fit(callbacks, validate=True, lr=1e-12, max_epochs=2)
    for name, rows in (("train", TRAIN), ("valid", VALID)):
        score = case.fitted.score(X[rows], case.labels[rows])
        assert column(case.net, name) == pytest.approx([score] * 2)


@EACH
def test_the_nets_own_score_is_its_accuracy(fit):
    callback = EpochScoring(None, name="score", lower_is_better=False, on_train=True)
    case = fit([callback], lr=1e-12, max_epochs=1)
    assert column(case.net, "score") == [case.fitted.score(X, case.labels)]


@pytest.mark.parametrize("use_caching", [True, False])
def test_a_regressor_is_scored_in_units_of_its_scaled_targets(use_caching):
    y = 5 + 3 * X[:, 0] + X[:, 1] ** 2
    callback = EpochScoring("r2", lower_is_better=False, on_train=True, use_caching=use_caching)
    params = {"hidden_layer_sizes": (4,), "dropout": 0, "batch_norm": False, "random_state": 0}
    model = ShrinkingDNNRegressor(**params, lr=1e-12, max_epochs=1, callbacks=[callback])
    model.fit(X, y)
    assert model.history_[0]["r2"] == pytest.approx(model.score(X, y), rel=1e-4)


def test_the_net_of_an_estimator_knows_classes_that_a_batch_does_not_have():
    model = dnn(random_state=0).partial_fit(X, LABELS, classes=["no", "yes", "zero"])
    assert model.net_.classes_.tolist() == [0, 1, 2]
    assert model.net_.predict_proba(X).shape == (len(X), 3)


def test_scores_are_in_the_history_of_an_estimator():
    scoring = EpochScoring("accuracy", on_train=True, lower_is_better=False)
    model = fit_dnn([scoring]).fitted
    assert [record["accuracy"] for record in model.history_] == column(model.net_, "accuracy")
    assert "batches" not in model.history_[0]


# Learning rates, gradients, parameters


@NET_AND_DNN
def test_rates_are_scheduled_by_epochs(fit):
    net = fit([LRScheduler("StepLR", step_size=2, gamma=0.5)]).net
    assert column(net, "lr") == column(net, "event_lr") == pytest.approx([0.1, 0.1, 0.05, 0.05])


@NET_AND_DNN
def test_rates_are_scheduled_by_a_loss(fit):
    schedule = LRScheduler("ReduceLROnPlateau", monitor="valid_loss", patience=0, factor=0.5)
    net = fit([schedule], validate=True, flipped=True, lr=0.5, max_epochs=8).net
    misses = [not best for best in column(net, "valid_loss_best")[:-1]]
    assert any(misses)
    expected = 0.5 * 0.5 ** np.cumsum([0, *misses])
    assert column(net, "lr") == pytest.approx(expected.tolist())


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("step", STEPS)
def test_rates_are_scheduled_by_batches(step, optimizer):
    schedule = LRScheduler("LambdaLR", lr_lambda=lambda i: float(i < 3), step_every="batch")
    params = {"step": step, "optimizer": optimizer, "max_epochs": 1}
    scheduled = fit_net([schedule], **params).net
    three_batches = make_net(**params | {"max_passes": 24 / 50}).fit(X, Y)
    torch.testing.assert_close(weights(scheduled), weights(three_batches))


def test_a_schedule_goes_on_in_another_fit():
    rates = [0.1 * (1 + epoch) / 8 for epoch in range(8)]
    schedule = LRScheduler("LambdaLR", lr_lambda=lambda epoch: (1 + epoch) / 8)
    net = fit_net([schedule]).net.partial_fit(X, Y)
    assert column(net, "lr") == pytest.approx(rates)
    model = fit_dnn([schedule], warm_start=True).fitted.fit(X, LABELS)
    assert column(model.net_, "lr") == pytest.approx(rates)
    model = dnn(callbacks=[schedule], lr=0.1)
    for _ in range(3):
        model.partial_fit(X, LABELS, classes=["no", "yes"])
    assert column(model.net_, "lr") == pytest.approx(rates[:3])


@NET_AND_DNN
def test_clipped_gradients_bound_the_steps(fit):
    bound = N_BATCHES * 0.1 * 1e-3  # batches, learning rate, norm
    before = weights(fit([], max_epochs=1, lr=1e-30).net)

    def moved(callbacks):
        after = weights(fit(callbacks, max_epochs=1).net)
        return math.hypot(*((a - before[name]).norm() for name, a in after.items()))

    assert 0 < moved([GradientNormClipping(1e-3)]) <= bound * (1 + 1e-4)
    assert moved([]) > 10 * bound


@NET_AND_DNN
def test_frozen_layers_are_trained_from_when_they_are_set_free(fit):
    before, keep = weights(fit([], lr=1e-30).net), Keep()
    fit([Freezer("linears.0.*"), Unfreezer("linears.0.*", at=3), keep])
    moved = [
        [
            not torch.equal(after[f"linears.{i}.weight"], before[f"linears.{i}.weight"])
            for i in (0, 1)
        ]
        for after in keep.weights_
    ]
    assert moved == [[False, True]] * 2 + [[True, True]] * 2


# The rest


@EACH
def test_early_stopping_stops_silently_and_loads_the_best_weights(fit):
    # The loss falls, so that by this monitor the first epoch is the best.
    params = {"monitor": "train_loss", "patience": 2, "lower_is_better": False, "load_best": True}
    keep = Keep()
    net = fit([keep, EarlyStopping(**params)], max_epochs=20).net
    assert column(net, "epoch") == [1, 2, 3]
    assert_weights(net, keep.weights_[0])


@NET_AND_DNN
def test_a_progress_bar_counts_the_batches(fit, capsys):
    fit([ProgressBar()], validate=True, max_epochs=2)
    printed = capsys.readouterr().err
    assert printed.count("0/7 ") >= 2  # five batches of 8, and validation rows
    assert not capsys.readouterr().out


def test_callbacks_can_be_set_on_a_net_that_has_none():
    first, second = Keep(), Keep()
    net = make_net().set_params(callbacks=[first]).fit(X, Y)
    net.set_params(callbacks=[first, second]).partial_fit(X, Y, epochs=2)
    assert len(first.weights_) == len(second.weights_) == 2  # both were initialised by then
    scoring = EpochScoring("accuracy", on_train=True)
    named = make_net(cls=ActiveSetNetClassifier, callbacks=[scoring])
    named.set_params(callbacks__EpochScoring__name="mine").fit(X, Y)
    assert "mine" in named.history[-1]


def test_callbacks_can_be_disabled(capsys):
    net = make_net(callbacks="disable", verbose=1).fit(X, Y)
    assert len(net.history) == 4
    assert not capsys.readouterr().out


def test_what_callbacks_of_an_estimator_are_told():
    seen = {}

    class Look(Callback):
        def on_train_begin(self, net, X, y, **kwargs):
            seen["begin"] = (X, y)

        def on_epoch_end(self, net, dataset_train, dataset_valid, **kwargs):
            seen["train"], seen["valid"] = dataset_train, dataset_valid

    fit_dnn([Look()], validate=True)
    assert np.array_equal(seen["begin"][0], X[TRAIN])
    assert np.array_equal(seen["begin"][1], Y[TRAIN])
    for name, rows in (("train", TRAIN), ("valid", VALID)):
        assert np.array_equal(seen[name].X, X[rows])
        assert np.array_equal(seen[name].y, Y[rows])
