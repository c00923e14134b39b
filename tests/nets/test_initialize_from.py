"""Nets that go on with the module of another one."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EpochScoring
from torch import nn
from torch.optim import SGD, Adam, AdamW

from sk_sdlr.nets import ActiveSetNetClassifier
from sk_sdlr.policies import AutoRecall
from tests.nets.cases import STEPS, X, Y, assert_same_bits, column, make_net, shrinking, weights

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
OPTIMIZERS = [
    {"optimizer": SGD},
    {"optimizer": SGD, "optimizer__momentum": 0.9},
    {"optimizer": Adam, "lr": 0.01},
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("params", OPTIMIZERS)
def test_it_goes_on_as_the_net_itself_would(params, step):
    params = params | {"step": step, "module__activation": "tanh", "policy": shrinking()}
    other = make_net(**params).initialize_from(make_net(**params).fit(X, Y)).partial_fit(X, Y)
    net = make_net(**params).fit(X, Y).partial_fit(X, Y)
    assert_same_bits(net, other)
    for name in ("epoch", "n_active", "train_loss", "train_loss_best"):
        assert column(other, name) == column(net, name)
    assert column(other, "epoch") == list(range(1, 9))


def test_nothing_is_trained_or_drawn_by_it():
    net = make_net(optimizer=Adam).fit(X, Y)
    module, before, state = net.module_, weights(net), torch.get_rng_state()
    other = make_net(optimizer=Adam, random_state=1).initialize_from(net)
    assert other.module_ is module
    torch.testing.assert_close(weights(other), before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(other.history) == 4
    np.testing.assert_array_equal(other.predict(X), net.predict(X))


@pytest.mark.parametrize("cls", [AdamW, SGD])
def test_the_state_of_an_optimizer_of_another_class_is_dropped(cls):
    net = make_net(optimizer=Adam, lr=0.01).fit(X, Y)
    assert net.optimizer_.state
    other = make_net(optimizer=cls, lr=0.01).initialize_from(net)
    assert type(other.optimizer_) is cls
    assert not other.optimizer_.state
    other.partial_fit(X, Y)


def test_what_is_set_anew_takes_effect():
    params = {"optimizer": Adam, "lr": 0.01, "max_epochs": 1}
    changed = params | {"lr": 0.5, "optimizer__weight_decay": 0.25, "batch_size": 50}
    changed |= {"policy": AutoRecall(), "max_epochs": 2, "lr_schedule": "linear"}
    other = make_net(**changed).initialize_from(make_net(**params).fit(X, Y))
    assert [(g["lr"], g["weight_decay"]) for g in other.optimizer_.param_groups] == [(0.5, 0.25)]
    other.partial_fit(X, Y)
    assert column(other, "lr") == [0.01, 0.5, 0.25]


def test_parameter_groups_may_change():
    net = make_net(optimizer=Adam, step="autograd").fit(X, Y)
    moments = {name: net.optimizer_.state[p]["exp_avg"].clone() for name, p in named(net)}
    groups = [("linears.1.*", {"lr": 0.0})]
    other = make_net(optimizer=Adam, optimizer__param_groups=groups).initialize_from(net)
    for name, parameter in named(other):
        assert torch.equal(other.optimizer_.state[parameter]["exp_avg"], moments[name])
    before = weights(other)
    other.partial_fit(X, Y)
    after = weights(other)
    assert torch.equal(after["linears.1.weight"], before["linears.1.weight"])
    assert not torch.equal(after["linears.0.weight"], before["linears.0.weight"])


def named(net):
    return list(net.module_.named_parameters())


class Count(Callback):
    """Counts epochs since it was initialised."""

    def initialize(self):
        self.n_epochs_ = 0
        return self

    def on_epoch_end(self, net, **kwargs):
        self.n_epochs_ += 1


def test_the_same_callbacks_keep_their_state_and_others_begin():
    count, other_count = Count(), Count()
    net = make_net(callbacks=[count]).fit(X, Y)
    make_net(callbacks=[count]).initialize_from(net).partial_fit(X, Y)
    assert count.n_epochs_ == 8
    make_net(callbacks=[other_count]).initialize_from(net).partial_fit(X, Y)
    assert (count.n_epochs_, other_count.n_epochs_) == (8, 4)
    make_net(callbacks=[count, other_count]).initialize_from(net).partial_fit(X, Y)
    assert (count.n_epochs_, other_count.n_epochs_) == (4, 4)
    make_net().initialize_from(net).partial_fit(X, Y)
    assert (count.n_epochs_, other_count.n_epochs_) == (4, 4)


def test_the_best_score_so_far_is_remembered():
    scoring = EpochScoring("neg_log_loss", on_train=True, lower_is_better=False, name="score")
    params = {"cls": ActiveSetNetClassifier, "callbacks": [scoring]}
    net = make_net(**params, max_epochs=30).fit(X, Y)
    other = make_net(**params, lr=1e-9).initialize_from(net).partial_fit(X, np.roll(Y, 1))
    assert not any(column(other, "score_best")[30:])


def test_printing_can_begin(capsys):
    net = make_net().fit(X, Y)
    make_net(verbose=1).initialize_from(net).partial_fit(X, Y)
    assert "train_loss" in capsys.readouterr().out


def test_a_criterion_may_change():
    target = nn.functional.one_hot(torch.from_numpy(Y)).float()
    net = make_net(criterion=nn.MSELoss, max_epochs=1).initialize_from(make_net().fit(X, Y))
    before = net.forward(X)
    net.partial_fit(torch.from_numpy(X), target)
    expected = (before - target).square().mean().item()
    assert net.history[-1, "train_loss"] == pytest.approx(expected, rel=0.2)
