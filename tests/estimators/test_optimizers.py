"""Optimisers by name, and those that a user makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.optim import SGD, Adam, AdamW, RMSprop

from sk_sdlr import ShrinkingDNNClassifier
from sk_sdlr.estimators._optimizers import OPTIMIZERS, resolve_optimizer
from tests.estimators.helpers import PLAIN, same


def group_of(name, momentum="auto", betas="auto", weight_decay="auto"):
    kind, params = resolve_optimizer(name, momentum, betas, weight_decay, "cpu")
    return kind([torch.nn.Parameter(torch.zeros(2))], lr=0.1, **params).param_groups[0]


@pytest.mark.parametrize(
    ("name", "kind", "momentum", "weight_decay", "nesterov"),
    [
        ("sgd", SGD, 0.0, 0.0, False),
        ("nesterov", SGD, 0.9, 0.0, True),
        ("adam", Adam, None, 0.0, None),
        ("adamw", AdamW, None, 0.01, None),
    ],
)
def test_every_name_makes_an_optimiser(name, kind, momentum, weight_decay, nesterov):
    assert OPTIMIZERS[name] is kind
    group = group_of(name)
    assert group.get("momentum") == momentum
    assert group.get("nesterov") == nesterov
    assert group["weight_decay"] == weight_decay
    given = group_of(name, momentum=0.5, betas=[0.8, np.float32(0.5)], weight_decay=0.1)
    assert given["weight_decay"] == 0.1
    assert given.get("momentum", 0.5) == 0.5
    assert group.get("betas", (0.9, 0.999)) == (0.9, 0.999)
    assert given.get("betas", (0.8, 0.5)) == (0.8, 0.5)


def test_a_callable_is_given_a_decay_only_if_there_is_one():
    pair = (0.5, 0.5)
    assert resolve_optimizer(RMSprop, 0.5, pair, 0.1, "cpu") == (RMSprop, {"weight_decay": 0.1})
    assert resolve_optimizer(RMSprop, "auto", "auto", "auto", "cpu") == (RMSprop, {})


def test_only_devices_that_have_fused_ones_are_asked_for_them():
    assert group_of("adamw")["fused"]
    assert "fused" not in resolve_optimizer("adamw", "auto", "auto", "auto", "mps")[1]


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, RMSprop])
def test_every_optimizer_learns_by_itself(table, optimizer):
    lr = 0.1 if optimizer in ("sgd", "nesterov") else 0.01
    assert (
        ShrinkingDNNClassifier(**PLAIN, optimizer=optimizer, lr=lr).fit(*table).score(*table) > 0.7
    )


def test_nesterov_without_momentum_is_a_clear_error(table):
    net = ShrinkingDNNClassifier(**PLAIN, optimizer="nesterov", momentum=0)
    message = r"The 'momentum' parameter must be positive with optimizer='nesterov'\. Got 0 instead"
    with pytest.raises(ValueError, match=message):
        net.fit(*table)
    assert not hasattr(net, "net_")


def test_adamw_is_not_adam(table):
    adamw, adam = (ShrinkingDNNClassifier(**PLAIN, optimizer=name) for name in ("adamw", "adam"))
    assert not same(adamw.fit(*table), adam.fit(*table))
    assert same(adamw.set_params(weight_decay=0).fit(*table), adam)


def test_betas_reach_the_optimiser_and_change_the_fit(table):
    net = ShrinkingDNNClassifier(**PLAIN, betas=(0.5, 0.9)).fit(*table)
    assert net.net_.optimizer_.param_groups[0]["betas"] == (0.5, 0.9)
    assert not same(net, ShrinkingDNNClassifier(**PLAIN).fit(*table))
    assert same(net, ShrinkingDNNClassifier(**PLAIN, betas=np.array([0.5, 0.9])).fit(*table))


@pytest.mark.parametrize("lr_schedule", ["linear", None])
@pytest.mark.parametrize("go_on", ["fit", "partial_fit"])
def test_each_group_of_parameters_keeps_its_learning_rate(table, lr_schedule, go_on):
    """The first layer learns at a rate of 0: only the second one moves."""

    def make(groups, lr, weight_decay=0.0):
        parameters = groups[0]["params"]
        rates = [{"params": parameters[:2], "lr": 0.0}, {"params": parameters[2:], "lr": 10 * lr}]
        return SGD(rates, lr=lr)

    net = ShrinkingDNNClassifier(**PLAIN, optimizer=make, lr_schedule=lr_schedule, max_epochs=3)
    net.set_params(lr=0.01, warm_start=True).fit(*table)
    linears = net.net_.module_.linears
    first, second = (linear.weight.detach().clone() for linear in linears)
    getattr(net, go_on)(*table)
    assert [group["lr"] for group in net.net_.optimizer_.param_groups] == [0.0, 0.1]
    assert torch.equal(linears[0].weight, first)
    assert not torch.equal(linears[1].weight, second)


class FastFirstLayer(ShrinkingDNNClassifier):
    """Has a rate and a decay of its own for the first layer."""

    def _param_groups(self):
        return [("linears.0.*", {"lr": 6 * self.lr, "weight_decay": 0.5})]


# By DenseStep were it not for the groups, by ChainStep, and by autograd.
NETS = {
    "plain": PLAIN,
    "batch_norm": PLAIN | {"batch_norm": True},
    "dropout": PLAIN | {"dropout": 0.2},
    "autograd": PLAIN | {"dtype": "bfloat16"},
}


@pytest.mark.parametrize("go_on", ["fit", "partial_fit"])
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "adam", "adamw"])
def test_an_estimator_gives_layers_rates_of_their_own(table, optimizer, net, go_on):
    """As a callable does that puts the parameters into such groups."""

    def make(groups, lr, weight_decay=0.0):
        parameters = groups[0]["params"]
        kind, params = resolve_optimizer(optimizer, "auto", "auto", "auto", "cpu")
        first = {"params": parameters[:2], "lr": 6 * lr, "weight_decay": 0.5}
        return kind([first, {"params": parameters[2:]}], lr=lr, **params)

    given = NETS[net] | {"lr": 0.005, "max_epochs": 3, "warm_start": True}
    mine = FastFirstLayer(**given, optimizer=optimizer).fit(*table)
    other = ShrinkingDNNClassifier(**given, optimizer=make).fit(*table)
    for model in (mine, other):
        getattr(model, go_on)(*table)
    groups = mine.net_.optimizer_.param_groups
    assert [len(group["params"]) for group in groups] == [2, 4 if net == "batch_norm" else 2]
    assert [group["lr"] for group in groups] == [0.03, 0.005]
    assert mine.history_[0]["lr"] == 0.005  # not that of a few parameters
    mine, other = mine.net_.module_.state_dict(), other.net_.module_.state_dict()
    # Parameters may stand in another order, and their sums be rounded otherwise.
    torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


def test_moments_stay_with_their_layers_when_groups_come_and_go(table):
    params = PLAIN | {"max_epochs": 3, "warm_start": True}
    net = FastFirstLayer(**params).fit(*table)
    moments = {p: s["exp_avg"].clone() for p, s in net.net_.optimizer_.state.items()}
    assert len(moments) == 4
    net._param_groups = list
    net._train = lambda train, valid: net
    net.fit(*table)
    state = net.net_.optimizer_.state
    assert len(net.net_.optimizer_.param_groups) == 1
    for parameter, moment in moments.items():
        assert torch.equal(state[parameter]["exp_avg"], moment)
