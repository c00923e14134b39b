"""The generator of the run: set for a while, for one thread."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import torch
from torch import Generator

from sk_sdlr.modules import MLP
from sk_sdlr.modules._random import current_generator, drawing_from


def test_the_innermost_generator_counts_and_what_was_before_comes_back():
    outer, inner = Generator(), Generator()
    assert current_generator() is None
    with drawing_from(outer):
        with drawing_from(inner):
            assert current_generator() is inner
        assert current_generator() is outer
        with drawing_from(None):
            assert current_generator() is None
        assert current_generator() is outer
    assert current_generator() is None


def test_an_error_leaves_no_generator_behind():
    with pytest.raises(ZeroDivisionError), drawing_from(Generator()):
        raise ZeroDivisionError
    assert current_generator() is None


def test_threads_do_not_see_each_others_generators():
    with drawing_from(Generator()), ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_generator).result() is None


def weights_after(seed, wait):
    """Return the weights of a net after steps of which each waits for the other threads."""
    with drawing_from(Generator().manual_seed(seed)):
        wait()
        net = MLP(5, 3, hidden_layer_sizes=(8, 8), dropout=0.5)
        for _ in range(20):
            wait()
            grads = torch.autograd.grad(net(torch.ones(4, 5)).square().sum(), net.parameters())
            for parameter, grad in zip(net.parameters(), grads, strict=True):
                parameter.data.sub_(grad, alpha=0.1)
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def test_nets_trained_in_threads_have_the_bits_of_nets_trained_one_by_one():
    seeds, before = range(4), torch.get_rng_state()
    expected = [weights_after(seed, lambda: None) for seed in seeds]
    with ThreadPoolExecutor(len(seeds)) as pool:
        together = list(pool.map(weights_after, seeds, [Barrier(len(seeds)).wait] * len(seeds)))
    assert all(map(torch.equal, together, expected))
    assert not torch.equal(expected[0], expected[1])
    assert torch.equal(torch.get_rng_state(), before)
