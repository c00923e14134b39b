import pytest
import torch
from torch import nn

from sk_sdlr.modules import ACTIVATIONS, ScaledTanh


def test_scaled_tanh_is_its_formula():
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    torch.testing.assert_close(ScaledTanh()(x), 1.7159 * torch.tanh(2 * x / 3))


def test_scaled_tanh_is_about_the_identity_at_one():
    x = torch.tensor([-1.0, 0.0, 1.0])
    torch.testing.assert_close(ScaledTanh()(x), x, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_have_no_parameters_and_keep_shape_and_input(name):
    activation = ACTIVATIONS[name]()
    x = torch.linspace(-2, 2, 12).view(3, 4)
    before = x.clone()
    assert isinstance(activation, nn.Module)
    assert not activation.state_dict()
    assert activation(x).shape == x.shape
    assert torch.equal(x, before)
