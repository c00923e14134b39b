"""The activations of DenseStep are those of the modules, and so are their derivatives."""

import pytest
import torch

from sk_sdlr.modules import ACTIVATIONS
from sk_sdlr.steps._dense_activations import DENSE_ACTIVATIONS


def test_every_activation_of_the_modules_is_there_but_two_of_deep_nets():
    assert DENSE_ACTIVATIONS.keys() == ACTIVATIONS.keys() - {"mish", "selu"}


@pytest.mark.parametrize("name", DENSE_ACTIVATIONS)
def test_forward_and_backward_are_those_of_autograd(name):
    x = torch.linspace(-3, 3, 41, dtype=torch.float64, requires_grad=True)
    gradient = torch.linspace(1, 2, 41, dtype=torch.float64)
    expected = ACTIVATIONS[name]()(x)
    expected.backward(gradient)
    dense = DENSE_ACTIVATIONS[name]
    z = x.detach().clone()
    h = torch.empty_like(z) if dense.keeps_input else z
    dense.forward(z, h)
    torch.testing.assert_close(h, expected.detach())
    dense.backward(gradient, z, h)
    torch.testing.assert_close(gradient, x.grad)
