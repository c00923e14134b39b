from contextlib import nullcontext
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.optim import SGD

from sk_sdlr.training import AutogradStep, SquaredError
from sk_sdlr.training._isolation import seeded

N_SAMPLES = 5
LR = 0.1

with seeded(0):
    X, REAL, CLASSES = torch.randn(N_SAMPLES, 3), torch.randn(N_SAMPLES, 2), torch.arange(5) % 2
    NET = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))

LOSSES = [
    (nn.CrossEntropyLoss(), CLASSES, nn.CrossEntropyLoss(reduction="none")),
    (nn.MSELoss(), REAL, lambda output, y: (output - y).square().mean(1)),
    (SquaredError(), REAL, lambda output, y: (output - y).square().sum(1) / 2),
]


@pytest.fixture
def net():
    return deepcopy(NET)


def gradient_step(net, errors, weight):
    """The step written out, without an optimiser."""
    loss = (weight * errors).sum() / N_SAMPLES
    for parameter, grad in zip(
        net.parameters(), torch.autograd.grad(loss, net.parameters()), strict=True
    ):
        parameter.data -= LR * grad


def assert_same_parameters(a, b):
    torch.testing.assert_close(dict(a.named_parameters()), dict(b.named_parameters()))


@pytest.mark.parametrize("weight", [None, torch.tensor([0.0, 1.0, 2.0, 0.5, 3.0])])
@pytest.mark.parametrize(("criterion", "y", "errors_of"), LOSSES)
def test_two_steps_are_two_gradient_steps_on_the_weighted_mean(
    net, criterion, y, errors_of, weight
):
    by_hand = deepcopy(net)
    step = AutogradStep(net, criterion, SGD(net.parameters(), lr=LR))
    for _ in range(2):
        error = torch.full((N_SAMPLES,), torch.nan)
        output = step(X, y, weight, error)
        expected = by_hand(X)
        errors = errors_of(expected, y)
        gradient_step(by_hand, errors, torch.ones(N_SAMPLES) if weight is None else weight)
        torch.testing.assert_close(output, expected.detach())
        # Without the weights: a row must not look easy because it counts for little.
        torch.testing.assert_close(error, errors.detach())
    assert_same_parameters(net, by_hand)


def test_output_holds_no_graph(net):
    step = AutogradStep(net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=LR))
    assert not step(X, CLASSES, None, torch.empty(N_SAMPLES)).requires_grad


def test_whoever_asks_gets_the_gradients_before_the_update(net):
    seen = []

    def on_grad(x, y):
        seen.append((x, y))
        for parameter in net.parameters():
            assert parameter.grad.abs().sum() > 0
            parameter.grad.zero_()

    step = AutogradStep(net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=LR), on_grad)
    step(X, CLASSES, None, torch.empty(N_SAMPLES))
    assert len(seen) == 1
    assert torch.equal(seen[0][0], X)
    assert torch.equal(seen[0][1], CLASSES)
    assert_same_parameters(net, NET)


def test_a_criterion_without_reduction_is_refused(net):
    with pytest.raises(TypeError, match="`reduction`"):
        AutogradStep(net, nn.Identity(), SGD(net.parameters(), lr=LR))


# Autocast


class Watched(nn.Module):
    """A net that notes what its products are computed in, and fails if it is told to."""

    def __init__(self, fails=False):
        super().__init__()
        self.net, self.fails, self.seen = deepcopy(NET), fails, []
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

    def on_grad(x, y):
        grads.extend(parameter.grad.dtype for parameter in net.parameters())

    step = AutogradStep(net, criterion, SGD(net.parameters(), lr=LR), on_grad, torch.bfloat16)
    error = torch.empty(N_SAMPLES)
    output = step(X, y, None, error)
    assert net.seen == [torch.bfloat16] * 2
    assert {output.dtype, *grads} == {torch.float32}
    assert {parameter.dtype for parameter in net.parameters()} == {torch.float32}
    # The criterion is not in bfloat16: its value of the outputs is exact.
    errors = type(criterion)(reduction="none")
    torch.testing.assert_close(error, errors(output, y), rtol=0, atol=0)
    torch.testing.assert_close(error, errors(NET(X), y).detach(), rtol=0.02, atol=0.02)


def test_a_step_in_autocast_is_about_the_step_without():
    nets = [deepcopy(NET), deepcopy(NET)]
    for net, autocast in zip(nets, (None, torch.bfloat16), strict=True):
        step = AutogradStep(
            net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=LR), autocast=autocast
        )
        step(X, CLASSES, None, torch.empty(N_SAMPLES))
    for plain, cast, before in zip(*(net.parameters() for net in (*nets, NET)), strict=True):
        torch.testing.assert_close(cast - before, plain - before, rtol=0.05, atol=1e-3)
        assert not torch.equal(cast, plain)


def test_without_autocast_products_are_in_the_modules_own_type():
    net = Watched()
    step = AutogradStep(net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=LR))
    step(X, CLASSES, None, torch.empty(N_SAMPLES))
    assert net.seen == [torch.float32] * 2


@pytest.mark.parametrize("fails", [False, True])
def test_autocast_is_off_after_a_step(fails):
    net = Watched(fails)
    step = AutogradStep(
        net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=LR), autocast=torch.bfloat16
    )
    before = torch.get_autocast_dtype("cpu")
    with pytest.raises(ZeroDivisionError) if fails else nullcontext():
        step(X, CLASSES, None, torch.empty(N_SAMPLES))
    assert not torch.is_autocast_enabled("cpu")
    assert torch.get_autocast_dtype("cpu") == before


def test_autocast_takes_features_that_are_integers():
    net = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2))
    error = torch.empty(N_SAMPLES)
    step = AutogradStep(
        net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=LR), autocast=torch.bfloat16
    )
    output = step(torch.arange(N_SAMPLES), CLASSES, None, error)
    assert output.dtype == error.dtype == torch.float32
    torch.testing.assert_close(
        error, nn.functional.cross_entropy(output, CLASSES, reduction="none"), rtol=0, atol=0
    )


# Errors of the outputs


@pytest.mark.parametrize("weight", [None, torch.tensor([0.0, 1.0, 2.0, 0.5, 3.0])])
@pytest.mark.parametrize("batch_size", [None, 2, 3])
@pytest.mark.parametrize(
    ("criterion", "y"), [(nn.CrossEntropyLoss(), CLASSES), (SquaredError(), REAL)]
)
def test_errors_of_the_outputs_are_those_before_each_update_and_without_the_weights(
    net, criterion, y, batch_size, weight
):
    seen = []
    net.register_forward_hook(lambda module, x, output: seen.append(output.detach().clone()))
    step = AutogradStep(net, criterion, SGD(net.parameters(), lr=1.0))
    output_error = torch.full((N_SAMPLES,), torch.nan)
    step(X, y, weight, torch.empty(N_SAMPLES), batch_size, output_error)
    outputs = torch.cat(seen)
    assert not torch.allclose(net(X), outputs)
    if y is CLASSES:
        outputs, y = outputs.softmax(1), nn.functional.one_hot(CLASSES)
    torch.testing.assert_close(output_error, (outputs - y).square().sum(1) / 2)


@pytest.mark.parametrize("autocast", [None, torch.bfloat16])
def test_errors_of_the_outputs_leave_the_training_as_it_is_bit_for_bit(autocast):
    nets, errors, outputs = [deepcopy(NET), deepcopy(NET)], torch.empty(2, N_SAMPLES), []
    for net, error, output_error in zip(nets, errors, (None, torch.empty(N_SAMPLES)), strict=True):
        step = AutogradStep(
            net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=LR), autocast=autocast
        )
        outputs.append(step(X, CLASSES, None, error, 2, output_error))
    assert torch.equal(*outputs)
    assert torch.equal(*errors)
    assert all(map(torch.equal, *(net.parameters() for net in nets)))
