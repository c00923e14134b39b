"""The step that is chosen."""

import pytest
import torch
from torch import nn
from torch.optim import SGD

from sk_sdlr.modules import MLP
from sk_sdlr.steps import Objective, SquaredError
from sk_sdlr.steps._autograd import AutogradStep
from sk_sdlr.steps._dense import DenseStep
from sk_sdlr.steps._make_step import make_step
from sk_sdlr.steps.chain._chain import ChainStep

CLASSES, REALS = torch.tensor([0, 1, 1]), torch.rand(3, 2)


def ignore(x, y):
    pass


def made(kind, *, criterion=None, targets=CLASSES, net=None, **params):
    net = net or MLP(3, 2)
    criterion = criterion or nn.CrossEntropyLoss()
    optimizer = SGD(net.parameters(), lr=0.1)
    return make_step(kind, net, Objective(criterion), optimizer, targets, **params)


@pytest.mark.parametrize("kind", ["auto", "dense"])
@pytest.mark.parametrize(
    ("criterion", "targets"), [(nn.CrossEntropyLoss(), CLASSES), (SquaredError(), REALS)]
)
def test_a_plain_net_is_trained_in_closed_form(kind, criterion, targets):
    assert type(made(kind, criterion=criterion, targets=targets)) is DenseStep


@pytest.mark.parametrize(
    "params",
    [
        {"net": nn.Sequential(nn.Linear(3, 2), nn.Softplus())},
        {"targets": REALS},
        {"targets": torch.tensor([0, 1, -100])},
        {"autocast": torch.bfloat16},
        {"on_gradients": ignore},
    ],
    ids=lambda params: next(iter(params)),
)
def test_what_has_no_closed_form_is_trained_by_autograd(params):
    step = made("auto", **params)
    assert type(step) is AutogradStep
    assert step.autocast is params.get("autocast")
    assert step.on_gradients is params.get("on_gradients")


@pytest.mark.parametrize("kind", ["auto", "dense"])
@pytest.mark.parametrize(
    "net",
    [
        MLP(3, 2, dropout=0.5),
        MLP(3, 2, activation="selu"),
        MLP(3, 2, activation="mish"),
        nn.Linear(3, 2),
        nn.Sequential(nn.Linear(3, 2), nn.Tanh()),
    ],
)
def test_a_chain_of_layers_is_trained_in_closed_form(kind, net):
    assert type(made(kind, net=net)) is ChainStep


def test_autograd_is_taken_where_it_is_asked_for():
    assert type(made("autograd")) is AutogradStep


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"net": nn.Sequential(nn.Linear(3, 2), nn.Softplus())}, "needs an MLP or"),
        ({"on_gradients": ignore}, "has no gradients to show"),
        ({"autocast": torch.bfloat16}, r"has no autocast\. Got autocast=torch.bfloat16"),
    ],
    ids=["net", "on_gradients", "autocast"],
)
def test_a_closed_form_that_cannot_be_is_refused(params, message):
    with pytest.raises(ValueError, match=f"^step='dense' {message}"):
        made("dense", **params)
