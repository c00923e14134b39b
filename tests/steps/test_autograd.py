"""The step of any module: gradient descent written out, gradients shown, and autocast."""

from contextlib import nullcontext
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.optim import SGD

from sk_sdlr.steps import Objective, SquaredError
from sk_sdlr.steps._autograd import AutogradStep
from sk_sdlr.steps._step import Batches

N_SAMPLES = 5
LR = 0.1
X, REAL = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.linspace(-1, 1, 10)
REAL, CLASSES = REAL.view(5, 2), torch.arange(5) % 2
WEIGHT = torch.tensor([0.0, 1.0, 2.0, 0.5, 3.0])

LOSSES = [
    (nn.CrossEntropyLoss(), CLASSES, nn.CrossEntropyLoss(reduction="none")),
    (nn.MSELoss(), REAL, lambda output, y: (output - y).square().mean(1)),
    (SquaredError(), REAL, lambda output, y: (output - y).square().sum(1) / 2),
]


def new_net():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def step_of(net, criterion=None, lr=LR, **params):
    objective = Objective(criterion or nn.CrossEntropyLoss())
    return AutogradStep(net, objective, SGD(net.parameters(), lr=lr), **params)


def batches_of(y=CLASSES, *, x=X, weight=None, batch_size=N_SAMPLES, output_error=None):
    error = torch.full((N_SAMPLES,), torch.nan)
    return Batches(x, y, error, batch_size, weight, output_error)


def descend(net, errors, weight):
    """The step written out, without an optimiser."""
    loss = (weight * errors).sum() / N_SAMPLES
    for parameter, grad in zip(
        net.parameters(), torch.autograd.grad(loss, net.parameters()), strict=True
    ):
        parameter.data -= LR * grad


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize(("criterion", "y", "errors_of"), LOSSES)
def test_two_steps_are_two_gradient_steps_on_the_weighted_mean(criterion, y, errors_of, weight):
    net = new_net()
    by_hand = deepcopy(net)
    step = step_of(net, criterion)
    for _ in range(2):
        batches = batches_of(y, weight=weight)
        output = step(batches)
        expected = by_hand(X)
        errors = errors_of(expected, y)
        descend(by_hand, errors, torch.ones(N_SAMPLES) if weight is None else weight)
        torch.testing.assert_close(output, expected.detach())
        # Without the weights: a row must not look easy because it counts for little.
        torch.testing.assert_close(batches.error, errors.detach())
    torch.testing.assert_close(dict(net.named_parameters()), dict(by_hand.named_parameters()))


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("batch_size", [N_SAMPLES, 2])
@pytest.mark.parametrize(
    ("criterion", "y"), [(nn.CrossEntropyLoss(), CLASSES), (SquaredError(), REAL)]
)
def test_errors_of_the_outputs_are_those_before_each_update(criterion, y, batch_size, weight):
    net, seen = new_net(), []
    net.register_forward_hook(lambda module, x, output: seen.append(output.detach().clone()))
    output_error = torch.full((N_SAMPLES,), torch.nan)
    step_of(net, criterion, lr=1.0)(
        batches_of(y, weight=weight, batch_size=batch_size, output_error=output_error)
    )
    outputs = torch.cat(seen)
    assert not torch.allclose(net(X), outputs)
    if y is CLASSES:
        outputs, y = outputs.softmax(1), nn.functional.one_hot(CLASSES)
    torch.testing.assert_close(output_error, (outputs - y).square().sum(1) / 2)


def test_whoever_asks_gets_the_gradients_of_each_batch_before_its_update():
    net, seen = new_net(), []
    before = deepcopy(net)

    def on_gradients(x, y):
        seen.append((x, y))
        for parameter in net.parameters():
            assert parameter.grad.abs().sum() > 0
            parameter.grad.zero_()

    step_of(net, on_gradients=on_gradients)(batches_of(batch_size=2))
    assert [len(x) for x, _ in seen] == [2, 2, 1]
    assert torch.equal(torch.cat([x for x, _ in seen]), X)
    assert torch.equal(torch.cat([y for _, y in seen]), CLASSES)
    assert all(map(torch.equal, net.parameters(), before.parameters()))


# Autocast


class Watched(nn.Module):
    """A net that notes what its products are computed in, and fails if it is told to."""

    def __init__(self, fails=False):
        super().__init__()
        self.net, self.fails, self.seen = new_net(), fails, []
        for layer in (self.net[0], self.net[2]):
            layer.register_forward_hook(lambda layer, x, output: self.seen.append(output.dtype))

    def forward(self, x):
        output = self.net(x)
        if self.fails:
            raise ZeroDivisionError
        return output


@pytest.mark.parametrize(
    ("criterion", "y"), [(nn.CrossEntropyLoss(), CLASSES), (SquaredError(), REAL)]
)
def test_products_are_in_autocasts_type_and_all_else_in_the_modules(criterion, y):
    net, grads = Watched(), []
    exact = net.net(X).detach()

    def on_gradients(x, y):
        grads.extend(parameter.grad.dtype for parameter in net.parameters())

    step = step_of(net, criterion, on_gradients=on_gradients, autocast=torch.bfloat16)
    batches = batches_of(y)
    net.seen.clear()
    output = step(batches)
    assert net.seen == [torch.bfloat16] * 2
    assert {output.dtype, *grads} == {torch.float32}
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}
    # The criterion is not in bfloat16: its value of the outputs is exact.
    errors = type(criterion)(reduction="none")
    torch.testing.assert_close(batches.error, errors(output, y), rtol=0, atol=0)
    torch.testing.assert_close(batches.error, errors(exact, y), rtol=0.02, atol=0.02)


def test_a_step_in_autocast_is_about_the_step_without():
    before = new_net()
    plain, cast = deepcopy(before), deepcopy(before)
    step_of(plain)(batches_of())
    step_of(cast, autocast=torch.bfloat16)(batches_of())
    for a, b, start in zip(*(net.parameters() for net in (plain, cast, before)), strict=True):
        torch.testing.assert_close(b - start, a - start, rtol=0.05, atol=1e-3)
        assert not torch.equal(a, b)


@pytest.mark.parametrize("fails", [False, True])
def test_autocast_is_off_after_a_step(fails):
    before = torch.get_autocast_dtype("cpu")
    with pytest.raises(ZeroDivisionError) if fails else nullcontext():
        step_of(Watched(fails), autocast=torch.bfloat16)(batches_of())
    assert not torch.is_autocast_enabled("cpu")
    assert torch.get_autocast_dtype("cpu") == before


def test_autocast_takes_features_that_are_integers():
    net = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2))
    batches = batches_of(x=torch.arange(N_SAMPLES))
    output = step_of(net, autocast=torch.bfloat16)(batches)
    assert output.dtype == torch.float32
    expected = nn.functional.cross_entropy(output, CLASSES, reduction="none")
    torch.testing.assert_close(batches.error, expected, rtol=0, atol=0)
