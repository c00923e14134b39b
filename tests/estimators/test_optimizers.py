"""Optimisers by name, and those that a user makes."""

from __future__ import annotations

import pytest
import torch
from torch.optim import SGD, Adam, AdamW, RMSprop

from sk_sdlr import ShrinkingDNNClassifier
from sk_sdlr.estimators._optimizers import OPTIMIZERS, resolve_optimizer
from tests.estimators.helpers import PLAIN, same


def group_of(name, momentum="auto", weight_decay="auto"):
    kind, params = resolve_optimizer(name, momentum, weight_decay, "cpu")
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
    given = group_of(name, momentum=0.5, weight_decay=0.1)
    assert given["weight_decay"] == 0.1
    assert given.get("momentum", 0.5) == 0.5


def test_a_callable_is_given_a_decay_only_if_there_is_one():
    assert resolve_optimizer(RMSprop, 0.5, 0.1, "cpu") == (RMSprop, {"weight_decay": 0.1})
    assert resolve_optimizer(RMSprop, "auto", "auto", "cpu") == (RMSprop, {})


def test_only_devices_that_have_fused_ones_are_asked_for_them():
    assert group_of("adamw")["fused"]
    assert "fused" not in resolve_optimizer("adamw", "auto", "auto", "mps")[1]


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
