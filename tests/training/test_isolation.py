import pytest
import torch
from sk_sdlr.training._isolation import (
    FLOPS_FOR_THREADS,
    choose_threads,
    seeded,
    step_flops,
    threads,
)
from torch import nn


def test_seeded_yields_the_same_numbers_for_the_same_seed():
    def draw(seed):
        with seeded(seed) as generator:
            return torch.rand(3).tolist(), torch.rand(3, generator=generator).tolist()

    torch.manual_seed(1)
    first = draw(7)
    torch.manual_seed(2)
    assert draw(7) == first
    assert all(a != b for a, b in zip(draw(8), first, strict=True))


def test_seeded_yields_a_generator_of_its_own():
    with seeded(0) as generator:
        expected = torch.rand(3)
    with seeded(0) as generator:
        torch.rand(3, generator=generator)
        torch.testing.assert_close(torch.rand(3), expected, rtol=0, atol=0)


def test_seeded_restores_the_random_state():
    before = torch.get_rng_state()
    with seeded(0):
        torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)


def test_seeded_restores_the_random_state_after_an_exception():
    before = torch.get_rng_state()
    with pytest.raises(IndexError), seeded(0):
        torch.rand(3)[3]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_seeded_restores_the_random_state_of_the_gpu():
    before = torch.cuda.get_rng_state()
    drawn = []
    for _ in range(2):
        with seeded(0, "cuda"):
            drawn.append(torch.rand(3, device="cuda").tolist())
    assert drawn[0] == drawn[1]
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.fixture
def n_threads():
    """More threads than one, whatever the process was started with."""
    torch.set_num_threads(3)
    return 3


def test_threads_are_restored(n_threads):
    with threads(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == n_threads


def test_threads_are_restored_after_an_exception(n_threads):
    with pytest.raises(KeyError), threads(2):
        raise KeyError
    assert torch.get_num_threads() == n_threads


def test_small_steps_take_one_thread_and_large_ones_all(n_threads):
    assert choose_threads(int(FLOPS_FOR_THREADS) - 1) == 1
    assert choose_threads(int(FLOPS_FOR_THREADS)) == n_threads


def test_flops_of_a_step_are_counted_for_any_layer_without_a_trace():
    conv, linear = nn.Conv2d(2, 5, 3, padding=1), nn.Linear(5 * 16, 7)
    norm = nn.BatchNorm2d(5)
    module = nn.Sequential(conv, norm, nn.Flatten(), nn.Dropout(), linear).train()
    flops = step_flops(module, torch.rand(1, 2, 4, 4), batch_size=10)
    assert flops == 10 * 3 * 2 * (16 * 5 * 2 * 9 + 80 * 7)
    assert module.training
    assert norm.num_batches_tracked == 0
