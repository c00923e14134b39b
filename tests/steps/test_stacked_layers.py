"""Stacked layers lend their matrices to the module, and give everything back."""

from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW

from sk_sdlr.modules import MLP
from sk_sdlr.steps import Objective
from sk_sdlr.steps._autograd import AutogradStep
from sk_sdlr.steps._dense import DenseStep
from sk_sdlr.steps._stacked_layers import StackedLayers
from sk_sdlr.steps._step import Batches

OPTIMIZERS = {
    "sgd": partial(SGD, lr=0.1),
    "momentum": partial(SGD, lr=0.1, momentum=0.9, nesterov=True),
    "adam": partial(Adam, lr=0.01, eps=1e-3, amsgrad=True),
    "adamw, fused": partial(AdamW, lr=0.01, eps=1e-3, fused=True),
}
X, Y = torch.rand(30, 4, generator=torch.Generator().manual_seed(0)), torch.arange(30) % 3


def make_net():
    return MLP(4, 3, hidden_layer_sizes=(5,), activation="tanh")


def train(kind, net, optimizer, n_steps):
    step = kind(net, Objective(nn.CrossEntropyLoss()), optimizer)
    for _ in range(n_steps):
        step(Batches(X, Y, torch.empty(30), 10))
    step.close()


def test_layers_are_the_matrices_while_they_are_lent():
    net = make_net()
    before = net(X).detach()
    layers = StackedLayers(list(net.linears), SGD(net.parameters(), lr=0.1))
    torch.testing.assert_close(net(X).detach(), before)
    layers.matrices[-1].zero_()
    assert not net(X).any()


def test_layers_have_tensors_of_their_own_afterwards():
    net = make_net()
    layers = StackedLayers(list(net.linears), SGD(net.parameters(), lr=0.1))
    layers.give_back()
    expected = net(X).detach()
    for matrix in layers.matrices:
        matrix.zero_()
    torch.testing.assert_close(net(X).detach(), expected)
    for parameter in net.parameters():
        assert parameter.is_contiguous()
        assert parameter.untyped_storage().nbytes() == parameter.nbytes


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("kinds", [(DenseStep, AutogradStep), (AutogradStep, DenseStep)])
def test_optimizer_state_goes_over_from_one_kind_of_step_to_the_other(optimizer, kinds):
    net = make_net()
    twin = deepcopy(net)
    mixed, plain = (OPTIMIZERS[optimizer](module.parameters()) for module in (net, twin))
    for kind in kinds:
        train(kind, net, mixed, 3)
    train(AutogradStep, twin, plain, 6)
    close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-6)
    for parameter, expected in zip(net.parameters(), twin.parameters(), strict=True):
        close(parameter, expected)
        assert mixed.state[parameter].keys() == plain.state[expected].keys()
        for key, value in plain.state[expected].items():
            close(mixed.state[parameter][key], value)


def test_settings_of_the_optimizer_are_followed():
    net = make_net()
    optimizer = SGD(net.parameters(), lr=0.1, momentum=0.9)
    layers = StackedLayers(list(net.linears), optimizer)
    optimizer.param_groups[0].update(lr=0.7, momentum=0.5)
    layers.follow_settings()
    group = layers.inner.param_groups[0]
    assert (group["lr"], group["momentum"]) == (0.7, 0.5)
