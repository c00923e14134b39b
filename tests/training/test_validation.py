import torch
from sk_sdlr.training import ActiveSetNet
from sk_sdlr.training._validation import validate
from torch import nn

X, Y = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)), torch.arange(7) % 2


def net_of(module):
    return ActiveSetNet(module, nn.CrossEntropyLoss, verbose=0, random_state=0).initialize()


def test_it_is_the_mean_loss_whatever_the_batches():
    net = net_of(nn.Linear(3, 2))
    expected = nn.functional.cross_entropy(net.module_(X), Y).item()
    for batch_size in (1, 3, 7, 100):
        assert abs(validate(net, (X, Y), batch_size) - expected) < 1e-6


def test_weights_multiply_the_losses():
    net, weight = net_of(nn.Linear(3, 2)), torch.linspace(0, 2, 7)
    losses = nn.functional.cross_entropy(net.module_(X), Y, reduction="none")
    expected = (losses * weight).mean().item()
    assert abs(validate(net, (X, Y, weight), 3) - expected) < 1e-6


def test_dropout_is_off_and_no_gradient_is_kept():
    net = net_of(nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.9)))
    assert validate(net, (X, Y), 7) == validate(net, (X, Y), 7)
    assert not net.module_.training
    assert all(parameter.grad is None for parameter in net.module_.parameters())
