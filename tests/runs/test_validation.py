import pytest
import torch
from torch import nn

from sk_sdlr.runs import TrainingData
from sk_sdlr.runs._listener import Listener
from sk_sdlr.runs._validation import validate
from sk_sdlr.steps import Objective
from tests.runs.small import N, X, Y, make_mlp


def loss_of(module, weight=None, batch_size=7, listener=None):
    data = TrainingData(X, Y, weight)
    objective = Objective(nn.CrossEntropyLoss())
    return validate(module, objective, data, batch_size, listener or Listener())


@pytest.mark.parametrize("weight", [None, torch.linspace(0, 2, N)], ids=["", "weighted"])
@pytest.mark.parametrize("batch_size", [1, 3, N, 1000])
def test_it_is_the_mean_of_weight_times_loss_whatever_the_batches(batch_size, weight):
    module = make_mlp()
    losses = nn.functional.cross_entropy(module(X), Y, reduction="none")
    expected = (losses if weight is None else losses * weight).mean().item()
    assert loss_of(module, weight, batch_size) == pytest.approx(expected)


def test_dropout_is_off_and_no_gradient_is_kept():
    module = make_mlp(dropout=0.9)
    assert loss_of(module) == loss_of(module)
    assert not module.training
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("weight", [None, torch.linspace(0, 2, N)], ids=["", "weighted"])
def test_who_listens_is_told_of_each_batch(weight):
    told = []

    class Told(Listener):
        wants_batches = True

        def on_batch_begin(self, x, y, *, training):
            told.append((x, y, training))

        def on_batch_end(self, x, y, loss, output, *, training):
            assert told[-1] == (x, y, training)
            told[-1] = (x, y, float(loss), output)

    module = make_mlp()
    mean = loss_of(module, weight, 20, Told())
    assert [len(x) for x, *_ in told] == [20, 20, 10]
    assert sum(loss * len(x) for x, _, loss, _ in told) / N == pytest.approx(mean)
    for x, _, _, output in told:
        torch.testing.assert_close(output, module(x).detach())
