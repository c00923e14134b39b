"""Initial weights: torch's own, but for the generator that they come from."""

import pytest
import torch
from torch import Generator, nn

from sk_sdlr.modules import CNN, MLP
from sk_sdlr.modules._conv import Conv
from sk_sdlr.modules._random import drawing_from

ODD = [("conv", 4, (2, 3), (1, 0)), ("relu",), ("linear", 6), ("tanh",)]
NETS = {
    "mlp": lambda: MLP(7, 3, hidden_layer_sizes=(50, 20), dropout=0.5, batch_norm=True),
    "linear": lambda: MLP(7, 3, hidden_layer_sizes=()),
    "small": lambda: CNN((1, 8, 8), 10, dropout=0.5, batch_norm=True),
    "cifar10": lambda: CNN((3, 32, 32), 10, layers="cifar10"),
    "odd": lambda: CNN((2, 7, 9), 3, layers=ODD),
}


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(params=[torch.float32, torch.float64])
def dtype(request):
    before = torch.get_default_dtype()
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(before)


def layers_of(net):
    return [part for part in net.modules() if isinstance(part, nn.Linear | nn.Conv2d)]


def made_by_torch(layer):
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, layer.out_features)
    sizes = layer.in_channels, layer.out_channels, layer.kernel_size
    return nn.Conv2d(*sizes, padding=layer.padding)


@pytest.mark.parametrize("name", NETS)
def test_weights_are_those_that_torch_draws_from_the_same_state(name, dtype):
    with drawing_from(Generator().manual_seed(5)):
        net = NETS[name]()
    torch.manual_seed(5)
    theirs = [made_by_torch(layer) for layer in layers_of(net)]
    after = torch.get_rng_state()
    torch.manual_seed(5)
    of_global = NETS[name]()
    assert torch.equal(torch.get_rng_state(), after)
    for mine, other, expected in zip(layers_of(net), layers_of(of_global), theirs, strict=True):
        assert mine.weight.dtype == dtype
        assert type(mine) is (Conv if isinstance(expected, nn.Conv2d) else nn.Linear)
        assert repr(mine).removeprefix("Conv") == repr(expected).removeprefix("Conv2d")
        for key, tensor in expected.state_dict().items():
            assert torch.equal(mine.state_dict()[key], tensor)
            assert torch.equal(other.state_dict()[key], tensor)


@pytest.mark.parametrize("name", NETS)
def test_the_generator_of_the_run_is_the_only_one(name):
    before, generator = torch.get_rng_state(), Generator()
    fresh = generator.get_state()
    with drawing_from(generator):
        NETS[name]()
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(generator.get_state(), fresh)


@pytest.mark.parametrize("name", NETS)
def test_nothing_is_drawn_or_stored_on_the_meta_device(name):
    before, generator = torch.get_rng_state(), Generator()
    fresh = generator.get_state()
    with torch.device("meta"), drawing_from(generator):
        assert all(p.is_meta and p.requires_grad for p in NETS[name]().parameters())
    with torch.device("meta"):
        NETS[name]()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(generator.get_state(), fresh)
