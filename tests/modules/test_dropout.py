"""Dropout: torch's own, but for the generator that its masks come from."""

import copy
import math
import pickle
import re

import pytest
import torch
from torch import Generator, nn

from sk_sdlr.modules._dropout import Dropout
from sk_sdlr.modules._random import drawing_from

SHAPES = [(50, 7), (1, 1), (0, 3), (9, 4, 3, 5)]


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def output_and_gradient(dropout, x):
    x = x.detach().requires_grad_()
    output = dropout(x)
    output.backward(torch.ones_like(x))
    return output, x.grad


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("p", [0, 0.1, 0.3, 0.5, 0.99])
def test_from_the_same_state_it_is_torchs_own(p, dtype, shape):
    x = torch.randn(shape).to(dtype)
    if len(shape) == 4:
        x = x.to(memory_format=torch.channels_last)
    torch.manual_seed(5)
    expected = output_and_gradient(nn.Dropout(p), x)
    torch.manual_seed(5)
    assert all(map(torch.equal, output_and_gradient(Dropout(p), x), expected))
    after = torch.get_rng_state()
    with drawing_from(Generator().manual_seed(5)):
        assert all(map(torch.equal, output_and_gradient(Dropout(p), x), expected))
    assert torch.equal(torch.get_rng_state(), after)


def test_every_call_draws_a_mask_of_its_own():
    x, dropout = torch.ones(100), Dropout()
    with drawing_from(Generator().manual_seed(0)):
        assert not torch.equal(dropout(x), dropout(x))
    assert torch.equal(x, torch.ones(100))


@pytest.mark.parametrize("dropout", [Dropout(0.5).eval(), Dropout(0.0)])
def test_without_dropping_it_is_the_identity_and_draws_nothing(dropout):
    x, generator = torch.randn(4, 3), Generator()
    before = generator.get_state()
    with drawing_from(generator):
        assert dropout(x) is x
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_copies_drop_as_much_and_hold_no_generator(copied):
    with drawing_from(Generator()):
        twin = copied(Dropout(0.25).eval())
    assert (type(twin), twin.p, twin.training) == (Dropout, 0.25, False)
    assert not twin.state_dict()


@pytest.mark.parametrize("p", [-0.1, 1, math.nan, "half", None])
def test_a_probability_out_of_range_is_named(p):
    message = "The 'p' parameter of Dropout must be a number in the range [0, 1). Got "
    with pytest.raises(ValueError, match=f"^{re.escape(f'{message}{p!r} instead.')}$"):
        Dropout(p)
