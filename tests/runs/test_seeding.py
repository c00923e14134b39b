"""Where random numbers come from, and that nothing global is changed."""

import pytest
import torch
from torch import nn

from sk_sdlr.modules import MLP
from sk_sdlr.modules._random import current_generator
from sk_sdlr.runs._seeding import ModuleGenerators, seeded

CPU = torch.device("cpu")


def draw():
    """Draw as modules of users do, and as ours do."""
    own = torch.rand(3, generator=current_generator()).tolist()
    return torch.rand(3).tolist(), own


def initial_weight(cls, seed):
    with seeded(seed):
        module = MLP(3, 2) if cls is MLP else cls(3, 2)
    return next(module.parameters()).tolist()


@pytest.mark.parametrize("cls", [MLP, nn.Linear])
def test_the_same_seed_gives_the_same_initial_weights(cls):
    first = initial_weight(cls, 7)
    torch.rand(5)
    assert initial_weight(cls, 7) == first
    assert initial_weight(cls, 8) != first


def test_what_the_modules_of_users_draw_does_not_change_what_ours_do():
    with seeded(0):
        _, expected = draw()
    with seeded(0):
        torch.rand(9)
        assert draw()[1] == expected


@pytest.mark.parametrize("error", [None, IndexError])
def test_the_global_generator_is_as_it_was(error):
    before = torch.get_rng_state()
    try:
        with seeded(0):
            torch.rand(3)
            if error is not None:
                raise error
    except IndexError:
        pass
    assert torch.equal(torch.get_rng_state(), before)
    assert current_generator() is None


def test_a_seed_for_the_cpu_does_not_seed_the_gpus(monkeypatch):
    seeds = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeds.append)
    with seeded(0):
        pass
    assert not seeds


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_generators_of_gpus_are_as_they_were(device):
    before, drawn = torch.cuda.get_rng_state_all(), []
    for _ in range(2):
        with seeded(0, device):
            drawn.append(torch.rand(3, device=device).tolist())
    assert drawn[0] == drawn[1]
    after = torch.cuda.get_rng_state_all()
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


# While a module trains


def generators_of(module, seed=0):
    return ModuleGenerators(module, seed, CPU)


def draws(generators, n_times=2):
    """Return what is drawn when the module is let draw so many times."""
    drawn = []
    for _ in range(n_times):
        with generators.drawing():
            drawn.append(draw())
        torch.rand(5)  # the caller draws between them
    return drawn


def test_ours_draw_from_a_generator_and_the_global_one_is_not_touched():
    module, drawn = MLP(3, 2), []
    for global_seed in (0, 5):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        with generators_of(module).drawing():
            drawn.append(torch.rand(3, generator=current_generator()).tolist())
        assert torch.equal(torch.get_rng_state(), before)
        assert current_generator() is None
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("module", [nn.Linear(3, 2), MLP(3, 2)], ids=["theirs", "ours"])
def test_numbers_go_on_from_one_time_to_the_next(module):
    at = 1 if isinstance(module, MLP) else 0
    first, second = draws(generators_of(module))
    assert first[at] != second[at]
    torch.rand(3)
    again = draws(generators_of(module))
    assert [first[at], second[at]] == [numbers[at] for numbers in again]
    assert draws(generators_of(module, seed=1))[0][at] != first[at]


def test_theirs_draw_from_the_global_one_which_is_given_back():
    generators = generators_of(nn.Linear(3, 2))
    before, drawn = torch.get_rng_state(), []

    def fail():
        with generators.drawing():
            assert current_generator() is None
            drawn.append(torch.rand(3).tolist())
            raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail()
        assert torch.equal(torch.get_rng_state(), before)
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("module", [nn.Linear(3, 2), MLP(3, 2)], ids=["theirs", "ours"])
def test_they_go_on_from_a_state(module):
    generators, other = generators_of(module), generators_of(module, seed=1)
    draws(generators)
    other.load_state_dict(generators.state_dict())
    at = 1 if isinstance(module, MLP) else 0
    assert draws(generators)[1][at] == draws(other)[1][at]


def test_a_seed_does_not_give_the_numbers_that_it_gives_elsewhere():
    with generators_of(MLP(3, 2), seed=3).drawing():
        drawn = torch.rand(3, generator=current_generator())
    assert not torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(3)))
