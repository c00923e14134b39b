"""Which nets, losses and optimisers have a closed form."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.optim import SGD, Adam, AdamW, RMSprop

from sk_sdlr.modules import MLP
from sk_sdlr.steps import Objective, SquaredError
from sk_sdlr.steps._dense_activations import DENSE_ACTIVATIONS
from sk_sdlr.steps._dense_applies import dense_step_applies


class MyMLP(MLP):
    pass


class MyLinear(nn.Linear):
    pass


class MyLoss(nn.CrossEntropyLoss):
    pass


def ignore(*_):
    pass


def small(change=None, **params):
    """Return a plain net, changed by a function of it."""
    net = MLP(3, 2, hidden_layer_sizes=(4,), **params)
    if change is not None:
        change(net)
    return net


def applies(net, criterion, optimizer=None, y=None):
    optimizer = optimizer or SGD(net.parameters(), lr=0.1)
    return dense_step_applies(net, Objective(criterion), optimizer, y)


@pytest.mark.parametrize(
    ("net", "criterion"),
    [
        (small(), nn.CrossEntropyLoss()),
        (small(output_activation="softmax"), nn.CrossEntropyLoss()),
        (small(), SquaredError()),
        (small(output_activation="sigmoid"), SquaredError()),
        (MLP(3, 2, hidden_layer_sizes=()), nn.CrossEntropyLoss()),
        *((small(activation=name), nn.CrossEntropyLoss()) for name in DENSE_ACTIVATIONS),
    ],
    ids=str,
)
def test_plain_nets_with_their_losses_are_taken(net, criterion):
    assert applies(net, criterion)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    "optimizer",
    [
        SGD,
        partial(SGD, momentum=0.9, nesterov=True),
        partial(Adam, amsgrad=True),
        partial(AdamW, weight_decay=0.1),
    ],
)
def test_optimisers_that_treat_each_entry_alone_are_taken(optimizer, fused):
    net = small()
    assert applies(net, SquaredError(), optimizer(net.parameters(), lr=0.1, fused=fused))


OTHER_NETS = {
    "another module": nn.Linear(3, 2),
    "subclass": MyMLP(3, 2),
    "batch norm": small(batch_norm=True),
    "dropout": small(dropout=0.5),
    "an activation of deep nets": small(activation="selu"),
    "sigmoid outputs": small(output_activation="sigmoid"),
    "frozen weight": small(lambda m: m.linears[0].weight.requires_grad_(False)),
    "frozen bias": small(lambda m: m.linears[1].bias.requires_grad_(False)),
    "forward hook": small(lambda m: m.register_forward_hook(ignore)),
    "forward pre-hook": small(lambda m: m.linears[0].register_forward_pre_hook(ignore)),
    "backward hook": small(lambda m: m.linears[1].register_full_backward_hook(ignore)),
    "backward pre-hook": small(lambda m: m.after[0].register_full_backward_pre_hook(ignore)),
    "hook on a weight": small(lambda m: m.linears[0].weight.register_hook(ignore)),
    "hook after a gradient": small(
        lambda m: m.linears[0].weight.register_post_accumulate_grad_hook(ignore)
    ),
    "parametrised weight": small(lambda m: parametrizations.weight_norm(m.linears[0])),
    "layer without bias": small(lambda m: m.linears.__setitem__(0, nn.Linear(3, 4, bias=False))),
    "another kind of layer": small(lambda m: m.linears.__setitem__(0, MyLinear(3, 4))),
}


@pytest.mark.parametrize("name", OTHER_NETS)
def test_other_nets_are_not(name):
    assert not applies(OTHER_NETS[name], nn.CrossEntropyLoss())


@pytest.mark.parametrize(
    ("net", "criterion"),
    [
        (small(), nn.CrossEntropyLoss(label_smoothing=0.1)),
        (small(), nn.CrossEntropyLoss(weight=torch.ones(2))),
        (small(), nn.CrossEntropyLoss(ignore_index=1)),
        (small(), MyLoss()),
        (small(), nn.MSELoss()),
        (small(output_activation="softmax"), SquaredError()),
    ],
    ids=["smoothing", "class weights", "ignored class", "subclass", "mean", "squares of logits"],
)
def test_other_losses_are_not(net, criterion):
    assert not applies(net, criterion)


def hooked(register, net):
    optimizer = SGD(net.parameters(), lr=0.1)
    register(optimizer)(ignore)
    return optimizer


OTHER_OPTIMIZERS = {
    "another": lambda m: RMSprop(m.parameters()),
    "two groups": lambda m: SGD([{"params": layer.parameters()} for layer in m.linears], lr=0.1),
    "maximize": lambda m: SGD(m.parameters(), lr=0.1, maximize=True),
    "some of the weights": lambda m: SGD(m.linears[1].parameters(), lr=0.1),
    "pre-hook": partial(hooked, lambda optimizer: optimizer.register_step_pre_hook),
    "post-hook": partial(hooked, lambda optimizer: optimizer.register_step_post_hook),
}


@pytest.mark.parametrize("name", OTHER_OPTIMIZERS)
def test_other_optimisers_are_not(name):
    net = small()
    assert not applies(net, nn.CrossEntropyLoss(), OTHER_OPTIMIZERS[name](net))


@pytest.mark.parametrize(
    ("criterion", "y", "expected"),
    [
        (nn.CrossEntropyLoss(), torch.tensor([0, 1]), True),
        (nn.CrossEntropyLoss(), torch.tensor([0, -100]), False),  # ignored by the loss
        (nn.CrossEntropyLoss(), torch.tensor([0, 1], dtype=torch.uint8), False),
        (nn.CrossEntropyLoss(), torch.rand(2, 2), False),
        (SquaredError(), torch.rand(2, 2), True),
        (SquaredError(), torch.rand(2), False),
        (SquaredError(), torch.ones(2, 2, dtype=torch.int64), False),
    ],
)
def test_targets_must_be_classes_or_a_matrix_of_floats(criterion, y, expected):
    assert applies(small(), criterion, y=y) is expected
