"""fit after fit: what goes on, what may change in between, and what may not."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from sk_sdlr import (
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingDBNClassifier,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    ShrinkingRegressor,
    ShrinkRecall,
)
from sk_sdlr.modules import MLP
from tests.estimators.helpers import KINDS, PLAIN, Net, same, sizes, weights

# The last of three epochs is on all rows.
WARM = PLAIN | {"warm_start": True, "max_epochs": 3}


def losses(estimator):
    return [row["valid_loss"] for row in estimator.history_ if "valid_loss" in row]


@pytest.mark.parametrize("kind", KINDS)
def test_a_warm_start_goes_on_from_the_weights(kind, table):
    net = KINDS[kind](warm_start=True, max_epochs=3, random_state=0).fit(*table)
    module, before = net.net_.module_, weights(net)
    net.fit(*table)
    assert net.net_.module_ is module
    assert not torch.equal(weights(net)[0], before[0])
    assert net.n_iter_ == len(net.loss_curve_) == 6
    assert net.history_[3]["train_loss"] < net.history_[0]["train_loss"]
    assert net.history_[3]["lr"] == net.history_[0]["lr"]


def test_a_fit_without_it_begins_anew(table):
    net = ShrinkingDNNClassifier(**PLAIN).fit(*table)
    before = weights(net)
    assert all(map(torch.equal, before, weights(net.fit(*table))))


def test_a_pickled_net_goes_on_to_the_same_bits(table):
    net = ShrinkingDNNClassifier(**WARM).fit(*table)
    again = pickle.loads(pickle.dumps(net))
    assert same(net.fit(*table), again.fit(*table))


# Early stopping


def test_early_stopping_can_be_switched_off(table):
    net = ShrinkingDNNClassifier(**WARM, early_stopping=True).fit(*table)
    net.set_params(early_stopping=False).fit(*table)
    assert [row["n_active"] for row in net.history_[::3]] == [540, 600]
    assert len(losses(net)) == 3


@pytest.mark.parametrize("verbose", [0, 1])
def test_early_stopping_can_be_switched_on(table, verbose, capsys):
    net = ShrinkingDNNClassifier(**WARM, verbose=verbose).fit(*table)
    before = weights(net)
    net.set_params(early_stopping=True, n_iter_no_change=2, tol=1e3, max_epochs=50).fit(*table)
    assert sizes(net)[3] == 540  # a tenth is held out
    assert net.n_iter_ == 3 + 3  # nothing is a fall of a thousand, but the first loss itself
    assert len(losses(net)) == 3
    assert ("Stopped" in capsys.readouterr().out) == bool(verbose)
    assert not torch.equal(weights(net)[0], before[0])
    net.set_params(early_stopping=True, n_iter_no_change=50, tol=0).fit(*table)
    assert net.n_iter_ == 6 + 50


def test_n_iter_no_change_and_tol_may_change(table):
    net = ShrinkingDNNClassifier(**WARM, early_stopping=True).fit(*table)
    net.set_params(n_iter_no_change=1, tol=1e3, max_epochs=50).fit(*table)
    assert net.n_iter_ == 3 + 2
    net.set_params(n_iter_no_change=4).fit(*table)
    assert net.n_iter_ == 5 + 5


def test_partial_fit_does_not_stop_early(table):
    net = ShrinkingDNNClassifier(early_stopping=True)
    with pytest.raises(ValueError, match=r"^partial_fit does not support early_stopping=True\.$"):
        net.partial_fit(*table, classes=[0, 1, 2])
    assert not hasattr(net, "net_")


# The average of the weights


def test_a_fit_goes_on_from_the_average_with_a_new_one(table):
    net = ShrinkingDNNClassifier(**WARM, weight_average=0.5).fit(*table)
    last = ShrinkingDNNClassifier(**WARM).fit(*table)
    assert not same(net, last)
    began = []

    class Spy(Callback):
        def on_epoch_begin(self, net, **kwargs):
            began.append([p.detach().clone() for p in net.module_.parameters()])

    before = weights(net)
    net.set_params(callbacks=[Spy()]).fit(*table)
    assert all(map(torch.equal, began[0], before))
    assert not torch.equal(weights(net)[0], before[0])


def test_partial_fit_knows_no_average(table):
    nets = [ShrinkingDNNClassifier(**PLAIN, weight_average=share) for share in (None, 0.5)]
    assert same(*(net.partial_fit(*table, classes=[0, 1, 2]) for net in nets))


# Parameters of the training


@pytest.mark.parametrize(
    ("before", "after", "group"),
    [
        ({}, {"optimizer": "sgd", "lr": 0.1, "momentum": 0.5}, {"lr": 0.1, "momentum": 0.5}),
        ({"optimizer": "sgd"}, {"optimizer": "adamw"}, {"betas": (0.9, 0.999)}),
        ({"optimizer": "sgd"}, {"momentum": 0.9}, {"momentum": 0.9}),
        ({"optimizer": "sgd"}, {"weight_decay": 0.5}, {"weight_decay": 0.5}),
        ({"optimizer": "sgd"}, {"lr": 0.25}, {"lr": 0.25}),
        ({}, {"betas": (0.5, 0.9)}, {"betas": (0.5, 0.9)}),
        ({}, {"batch_size": 50}, {}),
    ],
)
@pytest.mark.parametrize("go_on", ["fit", "partial_fit"])
def test_a_changed_parameter_of_the_training_takes_effect(table, before, after, group, go_on):
    nets = [ShrinkingDNNClassifier(**WARM | before).fit(*table) for _ in range(2)]
    nets[1].set_params(**after)
    same_as_ever, changed = (getattr(net, go_on)(*table) for net in nets)
    has = changed.net_.optimizer_.param_groups[0]
    assert {name: has[name] for name in group} == group
    # partial_fit knows neither schedules nor policies.
    assert not same(same_as_ever, changed)


def test_a_changed_schedule_and_policy_take_effect(table):
    net = ShrinkingDNNClassifier(**WARM).fit(*table)
    net.set_params(lr_schedule=None, policy=ShrinkRecall(s=0.5, t=0.2, alpha=None)).fit(*table)
    assert sizes(net)[3:] == [600, 300, 600]
    assert [row["lr"] for row in net.history_[3:]] == [0.002] * 3


def test_changed_callbacks_threads_and_batch_size_take_effect(table):
    seen = []

    class Spy(Callback):
        def on_batch_begin(self, net, batch, **kwargs):
            seen.append((len(batch[0]), torch.get_num_threads()))

    n_threads = torch.get_num_threads() + 1
    net = ShrinkingDNNClassifier(**WARM, n_threads=1).fit(*table)
    net.set_params(callbacks=[Spy()], n_threads=n_threads, batch_size=200, s=0.0).fit(*table)
    assert seen == [(200, n_threads)] * 9
    net.set_params(callbacks=None).fit(*table)
    assert len(seen) == 9
    assert torch.get_num_threads() == n_threads - 1


def test_a_changed_dtype_takes_effect_when_it_is_fitted(table):
    net = ShrinkingDNNClassifier(**WARM).fit(*table)
    before = net.predict_proba(table[0])
    net.set_params(dtype="float64")
    assert np.array_equal(net.predict_proba(table[0]), before)
    weight = np.linspace(0.5, 2, len(table[1]))
    net.fit(*table, sample_weight=weight)
    assert {tensor.dtype for tensor in weights(net)} == {torch.float64}
    assert net.predict_proba(table[0]).dtype == np.float64
    net.set_params(dtype="float32").partial_fit(*table)
    assert net.predict_proba(table[0]).dtype == np.float32


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_moments_of_the_optimiser_go_on(curve, optimizer):
    """Two fits of three epochs are six steps of torch's own loop, all rows being one batch."""
    X, y = curve
    net = ShrinkingDNNRegressor(**WARM, optimizer=optimizer, lr_schedule=None, s=0.0)
    net.set_params(batch_size=600, lr=0.01, dtype="float64", weight_decay=0.0)
    if optimizer == "sgd":
        net.set_params(momentum=0.9, lr=0.1)
    net.partial_fit(X, y)
    module = MLP(10, 1, hidden_layer_sizes=(16,), activation="silu").double()
    module.load_state_dict(net.net_.module_.state_dict())
    kind, params = type(net.net_.optimizer_), net.net_.optimizer_.state_dict()
    mine = kind(module.parameters(), lr=net.lr)
    mine.load_state_dict(params)
    for _ in range(2):
        net.fit(X, y)
    features = torch.from_numpy(X.astype("f8"))
    targets = torch.from_numpy((y - y.mean()) / y.std()).double()[:, None]
    for _ in range(6):
        mine.zero_grad()
        (0.5 * (module(features) - targets) ** 2).sum(1).mean().backward()
        mine.step()
    for tensor, expected in zip(weights(net), module.state_dict().values(), strict=True):
        torch.testing.assert_close(tensor, expected, rtol=1e-3, atol=1e-5)


# Parameters of the module


DNN = {"hidden_layer_sizes": 4}
DBN = DNN | {"pretrain_epochs": 1}
OWN = {"module": Net, "module__n_hidden": 4}


@pytest.mark.parametrize(
    ("kind", "before", "after", "name"),
    [
        (ShrinkingDNNClassifier, DNN, {"hidden_layer_sizes": (8,)}, "hidden_layer_sizes"),
        (ShrinkingDNNClassifier, DNN, {"activation": "tanh"}, "activation"),
        (ShrinkingDNNClassifier, DNN, {"dropout": 0.5}, "dropout"),
        (ShrinkingDNNClassifier, DNN, {"batch_norm": False}, "batch_norm"),
        (ShrinkingDNNClassifier, DNN, {"loss": "squared_error"}, "loss"),
        (ShrinkingDNNRegressor, DNN, {"output_activation": "sigmoid"}, "output_activation"),
        (ShrinkingDBNClassifier, DBN, {"dropout": 0.5}, "dropout"),
        (ShrinkingCNNClassifier, {}, {"layers": [("linear", 3)]}, "layers"),
        (ShrinkingCNNClassifier, {}, {"image_shape": (2, 2, 2)}, "image_shape"),
        (ShrinkingClassifier, OWN, {"module__n_hidden": 5}, "module__n_hidden"),
        (ShrinkingClassifier, OWN, {"module_params": None}, "module__n_hidden"),
        (ShrinkingClassifier, OWN, {"module__dropout": 0.5}, "module__dropout"),
        (ShrinkingClassifier, {"module": Net}, {"module": nn.Linear(8, 3)}, "module"),
        (ShrinkingClassifier, {"module": nn.Linear(8, 3)}, {"module": nn.Linear(8, 3)}, "module"),
        (ShrinkingClassifier, OWN, {"loss": "squared_error"}, "loss"),
        (ShrinkingRegressor, OWN, {"output_activation": "sigmoid"}, "output_activation"),
    ],
)
@pytest.mark.parametrize("go_on", ["fit", "partial_fit"])
def test_a_changed_parameter_of_the_module_is_named(table, kind, before, after, name, go_on):
    X, y = table[0], table[1] / 2 if "Regressor" in kind.__name__ else table[1]
    net = kind(**before, warm_start=True, max_epochs=1, random_state=0).fit(X, y)
    predicted = net.predict(X)
    net.set_params(**after)
    message = rf"^The '{name}' parameter of {kind.__name__} must be left at .*\. Got .* instead\."
    with pytest.raises(ValueError, match=message):
        getattr(net, go_on)(X, y)
    assert np.array_equal(net.predict(X), predicted)
    assert net.set_params(warm_start=False).fit(X, y).n_iter_ == 1


@pytest.mark.parametrize("before", [{"module": nn.Linear(8, 3)}, {"module": Net}, OWN])
def test_what_is_left_as_it_was_may_be_said_again(table, before):
    net = ShrinkingClassifier(**before, warm_start=True, max_epochs=1).fit(*table)
    net.set_params(**net.get_params()).fit(*table)
    assert net.n_iter_ == 2


def test_parameters_of_a_module_may_be_arrays(table):
    class Scaled(Net):
        def __init__(self, n_inputs, n_outputs, scale):
            super().__init__(n_inputs, n_outputs)
            self.register_buffer("scale", torch.from_numpy(scale))

        def forward(self, x):
            return super().forward(x * self.scale)

    scale = np.ones(8, "f")
    net = ShrinkingClassifier(Scaled, module__scale=scale, warm_start=True, max_epochs=1)
    net.fit(*table).set_params(module__scale=scale.copy()).fit(*table)
    with pytest.raises(ValueError, match="The 'module__scale' parameter"):
        net.set_params(module__scale=scale + 1).fit(*table)


# Data


def test_other_classes_are_refused(table):
    net = ShrinkingDNNClassifier(**WARM).fit(*table)
    with pytest.raises(ValueError, match="previously unseen labels"):
        net.fit(table[0], table[1] + 1)


@pytest.mark.parametrize("go_on", ["fit", "partial_fit"])
@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (2, 3)])
def test_another_number_of_targets_is_refused(curve, go_on, before, after):
    X, y = curve
    Y = np.column_stack([y, y + 1, y**2])
    first, second = (Y[:, 0] if n == 1 else Y[:, :n] for n in (before, after))
    net = ShrinkingDNNRegressor(**WARM).fit(X, first)
    predicted = net.predict(X)
    with pytest.raises(ValueError, match=rf"^y has {after} targets, but ShrinkingDNNRegressor is"):
        getattr(net, go_on)(X, second)
    assert np.array_equal(net.predict(X), predicted)


# partial_fit


def test_partial_fit_visits_each_row_once_at_the_initial_rate(table):
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


def test_partial_fit_needs_the_classes_first(table):
    with pytest.raises(ValueError, match="classes must be passed"):
        ShrinkingDNNClassifier().partial_fit(*table)


def test_partial_fits_visit_the_rows_in_another_order_each_time(table):
    seen = []

    class Spy(Callback):
        def on_batch_begin(self, net, batch, **kwargs):
            seen.append(batch[0].numpy().copy())

    net = ShrinkingDNNClassifier(**PLAIN, batch_size=600, callbacks=[Spy()])
    net.partial_fit(*table, classes=[0, 1, 2]).partial_fit(*table)
    assert not np.array_equal(seen[0], seen[1])
