"""Batch norm: torch's own, but for the single value that torch refuses."""

import copy

import pytest
import torch
from torch import nn

from sk_sdlr.modules import CNN, MLP
from sk_sdlr.modules._batch_norm import BatchNorm1d, BatchNorm2d, min_batch_rows

PAIRS = {BatchNorm1d: nn.BatchNorm1d, BatchNorm2d: nn.BatchNorm2d}
SINGLE = [(BatchNorm1d, (1, 3)), (BatchNorm1d, (1, 3, 1)), (BatchNorm2d, (1, 3, 1, 1))]
SEVERAL = [
    (BatchNorm1d, (2, 3)),
    (BatchNorm1d, (5, 3)),
    (BatchNorm1d, (1, 3, 2)),
    (BatchNorm2d, (1, 3, 1, 2)),
    (BatchNorm2d, (2, 3, 1, 1)),
    (BatchNorm2d, (4, 3, 5, 2)),
]


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def with_known_statistics(norm):
    for tensor in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
        tensor.uniform_(0.5, 2)
    return norm


def output_and_gradients(norm, x):
    x = x.clone().requires_grad_()
    output = norm(x)
    norm.zero_grad()
    output.pow(3).sum().backward()
    return output, x.grad, norm.weight.grad, norm.bias.grad


@pytest.mark.parametrize(("kind", "shape"), SEVERAL)
@pytest.mark.parametrize("training", [True, False])
def test_several_values_a_channel_are_torchs_own(kind, shape, training):
    norm = with_known_statistics(kind(3)).train(training)
    theirs = PAIRS[kind](3).train(training)
    theirs.load_state_dict(norm.state_dict())
    x = torch.randn(shape)
    torch.testing.assert_close(
        output_and_gradients(norm, x), output_and_gradients(theirs, x), rtol=0, atol=0
    )
    torch.testing.assert_close(norm.state_dict(), theirs.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(("kind", "shape"), SINGLE)
@pytest.mark.parametrize("eps", [1e-5, 0.5])
def test_a_single_value_is_normalised_by_the_running_statistics(kind, shape, eps):
    norm = with_known_statistics(kind(3, eps=eps))
    before = copy.deepcopy(norm.state_dict())
    x = torch.randn(shape)
    output, *gradients = output_and_gradients(norm, x)
    deviation = torch.sqrt(norm.running_var + eps)
    expected = (x.flatten() - norm.running_mean) / deviation * norm.weight + norm.bias
    torch.testing.assert_close(output, expected.view(shape))
    assert all(gradient.abs().min() > 0 for gradient in gradients)
    torch.testing.assert_close(norm.state_dict(), before, rtol=0, atol=0)
    assert torch.equal(output, norm.eval()(x))


@pytest.mark.parametrize(("kind", "shape"), SINGLE)
def test_torch_refuses_a_single_value(kind, shape):
    """If it no longer does, these classes have no purpose any more."""
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        PAIRS[kind](3)(torch.randn(shape))


@pytest.mark.parametrize(
    ("kind", "shape"), [(BatchNorm1d, (2, 3, 1, 1)), (BatchNorm2d, (2, 3)), (BatchNorm1d, (2, 4))]
)
def test_inputs_of_another_shape_are_refused(kind, shape):
    with pytest.raises((ValueError, RuntimeError)):
        kind(3)(torch.randn(shape))


@pytest.mark.parametrize(
    ("module", "n_rows"),
    [
        (nn.Linear(3, 3), 1),
        (nn.BatchNorm1d(3), 2),
        (nn.BatchNorm2d(3), 2),
        (nn.BatchNorm3d(3), 2),
        (nn.SyncBatchNorm(3), 2),
        (nn.Sequential(nn.Linear(3, 3), nn.Sequential(nn.BatchNorm1d(3))), 2),
        (nn.Sequential(BatchNorm1d(3), nn.BatchNorm1d(3)), 2),
        (nn.Sequential(nn.BatchNorm1d(3), BatchNorm1d(3)), 2),
        (BatchNorm1d(3), 1),
        (nn.Sequential(nn.Linear(3, 3), BatchNorm2d(3)), 1),
        (nn.LayerNorm(3), 1),
        (nn.GroupNorm(1, 3), 1),
        (nn.InstanceNorm1d(3), 1),
        (MLP(3, 2, batch_norm=True), 1),
        (CNN((1, 4, 4), 2, batch_norm=True), 1),
    ],
)
def test_min_batch_rows(module, n_rows):
    assert min_batch_rows(module) == n_rows
