"""The convolutional net: what torch makes of the same layers, and the paper's nets by name."""

import copy
import pickle
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sk_sdlr.modules import ACTIVATIONS, CNN, CNN_PRESETS
from sk_sdlr.modules._dropout import Dropout

SHAPE = (2, 7, 9)
ALL_KINDS = [
    ("conv", 4, 3, "same"),
    ("relu",),
    ("avg_pool", 3, 2),
    ("conv", 5, (2, 3), (1, 0)),
    ("tanh",),
    ("max_pool", 2),
    ("linear", 6),
    ("silu",),
]
WEIGHTED = (nn.Conv2d, nn.Linear)
MAP_LAYERS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)

small = st.integers(1, 4)
sizes = small | st.tuples(small, small)
odd = st.sampled_from([1, 3])
paddings = st.integers(0, 2) | st.tuples(st.integers(0, 2), st.integers(0, 2))
pools = st.sampled_from(["max_pool", "avg_pool"])
activations = st.tuples(st.sampled_from(sorted(ACTIVATIONS)))
on_maps = st.one_of(
    st.tuples(st.just("conv"), small, sizes),
    st.tuples(st.just("conv"), small, sizes, paddings),
    st.tuples(st.just("conv"), small, odd | st.tuples(odd, odd), st.just("same")),
    st.tuples(pools, sizes),
    st.tuples(pools, sizes, sizes),
    activations,
)
after_maps = st.tuples(st.just("linear"), small) | activations
layer_lists = st.builds(
    list.__add__, st.lists(on_maps, max_size=5), st.lists(after_maps, max_size=2)
)
image_shapes = st.tuples(st.integers(1, 3), st.integers(1, 13), st.integers(1, 13))


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def in_torch(layer):
    """Write a layer in torch's modules; what goes into them they find out themselves."""
    name, *arguments = layer
    if name == "conv":
        filters, size, *padding = arguments
        return nn.LazyConv2d(filters, size, padding=padding[0] if padding else 0)
    if name in ("max_pool", "avg_pool"):
        kind = {"max_pool": nn.MaxPool2d, "avg_pool": nn.AvgPool2d}[name]
        return kind(*arguments, ceil_mode=True)
    if name == "linear":
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(*arguments))
    return ACTIVATIONS[name]()


def parts(net, kinds):
    return [module for module in net.modules() if isinstance(module, kinds)]


def kinds_of(net):
    """Name torch's own class of each part, whichever subclass of it is used."""
    known = (*WEIGHTED, *NORMS, nn.MaxPool2d, nn.AvgPool2d, nn.Flatten, Dropout, nn.ReLU)
    return [next(kind for kind in known if isinstance(part, kind)) for part in net.layers]


def maps_of(net):
    """Return the shapes of what comes out of each convolution and pool, for one image."""
    shapes = []
    hooks = [
        part.register_forward_hook(lambda part, args, output: shapes.append((*output.shape[1:],)))
        for part in parts(net, MAP_LAYERS)
    ]
    net(torch.zeros(1, *net.image_shape))
    for hook in hooks:
        hook.remove()
    return shapes


def n_parameters(net):
    return sum(parameter.numel() for parameter in net.parameters())


def with_known_statistics(net):
    """Give the batch norms of a net statistics and weights that are not the initial ones."""
    for norm in parts(net, NORMS):
        for tensor in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
            tensor.uniform_(0.5, 2)
    return net


# Layers


@settings(deadline=None, derandomize=True, max_examples=300)
@given(image_shapes, layer_lists)
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_a_net_is_its_layers_in_torch_and_is_refused_where_torch_refuses_them(shape, layers):
    x, theirs = torch.randn(2, *shape), nn.Sequential(*map(in_torch, layers))
    try:
        theirs(x)
    except RuntimeError:
        with pytest.raises(ValueError, match=r"'layers\[\d\]' .* must fit what goes into it, \d"):
            CNN(shape, 3, layers=layers)
        return
    net = CNN(shape, 3, layers=layers)
    mine = [p for part in parts(net, WEIGHTED)[:-1] for p in (part.weight, part.bias)]
    for parameter, other in zip(theirs.parameters(), mine, strict=True):
        parameter.data.copy_(other)
    hidden = theirs(x).flatten(1)
    last = parts(net, WEIGHTED)[-1]
    assert (last.in_features, last.out_features) == (hidden.shape[1], 3)
    torch.testing.assert_close(net(x), nn.functional.linear(hidden, last.weight, last.bias))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (("conv", 4, 3), (4, 5, 7)),
        (("conv", 4, (1, 3)), (4, 7, 7)),
        (("conv", 4, 3, 1), (4, 7, 9)),
        (("conv", 4, 3, (0, 2)), (4, 5, 11)),
        (("conv", 4, 5, "same"), (4, 7, 9)),
        (("conv", 4, (7, 9)), (4, 1, 1)),
        (("max_pool", 2), (2, 4, 5)),  # a part of a window covers the edge
        (("max_pool", 3, 2), (2, 3, 4)),
        (("max_pool", (1, 9)), (2, 7, 1)),
        (("avg_pool", 2), (2, 4, 5)),
        (("avg_pool", 2, (1, 3)), (2, 6, 3)),  # a window begins on a pixel
        (["avg_pool", [7, 9]], (2, 1, 1)),
        (("max_pool", 1, 8), (2, 1, 2)),
    ],
)
def test_shapes_of_maps(layer, shape):
    assert maps_of(CNN(SHAPE, 3, layers=[layer])) == [shape]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_there(name):
    net = CNN(SHAPE, 3, layers=[(name,)])
    x = torch.randn(4, *SHAPE)
    torch.testing.assert_close(net(x), net.layers[-1](ACTIVATIONS[name]()(x).flatten(1)))


def test_numbers_may_be_numpys_and_layers_lists():
    layers = [["conv", np.int64(4), np.int32(3), np.int64(1)], ["relu"], ["linear", np.int64(5)]]
    net = CNN([np.int64(n) for n in SHAPE], np.int64(3), layers=layers)
    assert net.image_shape == SHAPE
    assert net(torch.zeros(2, *SHAPE)).shape == (2, 3)


@pytest.mark.parametrize("layers", [[], ()])
def test_no_layers_make_a_linear_model(layers):
    net = CNN(SHAPE, 3, layers=layers)
    x = torch.randn(4, *SHAPE)
    assert n_parameters(net) == 2 * 7 * 9 * 3 + 3
    torch.testing.assert_close(net(x), net.layers[-1](x.flatten(1)))


# Presets


def test_mnist_is_the_papers_net():
    net = CNN((1, 28, 28), 10, layers="mnist")
    conv, pool, relu = nn.Conv2d, nn.MaxPool2d, nn.ReLU
    assert kinds_of(net) == [conv, pool, conv, pool, conv, relu, nn.Flatten, nn.Linear]
    assert maps_of(net) == [(20, 24, 24), (20, 12, 12), (50, 8, 8), (50, 4, 4), (500, 1, 1)]
    assert net.layers[-1].in_features == 500
    expected = (20 * 25 + 20) + (50 * 20 * 25 + 50) + (500 * 50 * 16 + 500) + (500 * 10 + 10)
    assert n_parameters(net) == expected


def test_cifar10_is_the_papers_net():
    net = CNN((3, 32, 32), 10, layers="cifar10")
    block = [nn.Conv2d, nn.MaxPool2d, nn.ReLU]
    assert kinds_of(net) == [*block * 3, nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear]
    assert maps_of(net) == [
        (32, 32, 32),
        (32, 16, 16),
        (32, 16, 16),
        (32, 8, 8),
        (64, 8, 8),
        (64, 4, 4),
        (64, 1, 1),
    ]
    expected = (32 * 3 * 25 + 32) + (32 * 32 * 25 + 32) + (64 * 32 * 25 + 64)
    expected += (64 * 64 * 16 + 64) + (10 * 64 + 10)
    assert n_parameters(net) == expected


def test_small_is_the_default():
    net, same = CNN((1, 8, 8), 10), CNN((1, 8, 8), 10, layers=CNN_PRESETS["small"])
    assert kinds_of(net) == kinds_of(same)
    assert maps_of(net) == [(32, 8, 8), (32, 4, 4), (64, 4, 4), (64, 2, 2)]
    assert net.layers[-1].in_features == 128


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 12)), st.integers(1, 3))
def test_the_default_works_on_images_of_every_shape(shape, n_samples):
    net = CNN(shape, 5, batch_norm=True, dropout=0.2)
    x = torch.randn(n_samples, *shape)
    assert net(x).shape == (n_samples, 5)
    net(x).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in net.parameters())


# Inputs and outputs


def test_flat_rows_and_images_are_the_same():
    net = CNN(SHAPE, 3, layers=ALL_KINDS)
    x = torch.randn(4, *SHAPE)
    assert torch.equal(net(x), net(x.flatten(1)))
    assert not torch.equal(net(x), net(x.flip(2)))


@pytest.mark.parametrize("shape", [(4, 63), (4, 252), (126,), (4, 2, 7, 10), (9, 2, 7, 4)])
def test_inputs_of_another_size_are_not_cut_into_other_rows(shape):
    with pytest.raises((RuntimeError, ValueError)):
        CNN(SHAPE, 3, layers=ALL_KINDS)(torch.zeros(shape))


def test_no_rows_have_no_outputs():
    assert CNN(SHAPE, 3, layers=ALL_KINDS)(torch.zeros(0, *SHAPE)).shape == (0, 3)


def test_inputs_are_not_written_to():
    for layers in [[(name,)] for name in ACTIVATIONS]:
        x = torch.randn(4, *SHAPE)
        before = x.clone()
        CNN(SHAPE, 3, layers=layers)(x)
        assert torch.equal(x, before)


def test_softmax_returns_the_logits_and_sigmoid_does_not():
    names = ("identity", "softmax", "sigmoid")
    nets = [CNN(SHAPE, 3, layers=ALL_KINDS, output_activation=name) for name in names]
    for net in nets[1:]:
        net.load_state_dict(nets[0].state_dict())
    x = torch.randn(4, *SHAPE)
    identity, softmax, sigmoid = (net(x) for net in nets)
    assert torch.equal(softmax, identity)
    torch.testing.assert_close(sigmoid, 1 / (1 + torch.exp(-identity)))


def test_channels_last_gives_the_same_numbers():
    net = with_known_statistics(CNN(SHAPE, 3, layers=ALL_KINDS, batch_norm=True)).double()
    twin = copy.deepcopy(net).to(memory_format=torch.channels_last)
    assert twin.layers[0].weight.is_contiguous(memory_format=torch.channels_last)
    x = torch.randn(4, *SHAPE, dtype=torch.float64)
    for some in (x, x.flatten(1), x.to(memory_format=torch.channels_last)):
        torch.testing.assert_close(twin(some), net(some))
    for one in (net, twin):
        one.zero_grad()
        one(x).square().sum().backward()
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


# Dropout and batch norm


def test_dropout_comes_before_each_linear_layer():
    layers = [("conv", 4, 3), ("relu",), ("linear", 6), ("relu",)]
    before = [nn.Flatten, Dropout]
    net = CNN(SHAPE, 3, layers=layers, dropout=0.25)
    assert kinds_of(net) == [nn.Conv2d, nn.ReLU, *before, nn.Linear, nn.ReLU, *before, nn.Linear]
    assert {part.p for part in parts(net, Dropout)} == {0.25}
    assert not parts(CNN(SHAPE, 3, layers=layers), nn.Dropout)


def test_dropout_drops_in_training_only():
    net = CNN(SHAPE, 126, layers=[], dropout=0.5)
    nn.init.eye_(net.layers[-1].weight)
    nn.init.zeros_(net.layers[-1].bias)
    x = torch.rand(4, *SHAPE) + 1
    output = net(x)
    dropped = output == 0
    assert 0.3 < dropped.float().mean() < 0.7
    torch.testing.assert_close(output[~dropped], 2 * x.flatten(1)[~dropped])
    torch.testing.assert_close(net.eval()(x), x.flatten(1))


def test_batch_norm_follows_each_layer_with_weights_but_the_last():
    net = CNN(SHAPE, 3, layers=ALL_KINDS, batch_norm=True)
    norms = {4: nn.BatchNorm2d, 5: nn.BatchNorm2d, 6: nn.BatchNorm1d}
    followers = [
        (part, after)
        for part, after in zip(net.layers, net.layers[1:], strict=False)
        if isinstance(part, WEIGHTED)
    ]
    assert len(followers) == 3
    for part, after in followers:
        assert isinstance(after, norms[part.weight.shape[0]])
        assert after.num_features == part.weight.shape[0]
    assert len(parts(net, NORMS)) == 3
    assert not parts(CNN(SHAPE, 3, layers=ALL_KINDS), NORMS)


def test_one_row_trains_with_batch_norm_however_small_its_maps_are():
    net = CNN((1, 8, 8), 3, layers=[("conv", 4, 8), ("linear", 5)], batch_norm=True)
    net(torch.randn(1, 64)).sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in net.parameters())


# Copies


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_agree_and_are_independent(copied):
    net = with_known_statistics(
        CNN(SHAPE, 3, layers=ALL_KINDS, dropout=0.5, batch_norm=True, output_activation="sigmoid")
    ).eval()
    twin, x = copied(net), torch.randn(4, *SHAPE)
    output = net(x)
    assert torch.equal(twin(x), output)
    assert twin.image_shape == SHAPE
    nn.init.zeros_(twin.layers[-1].weight)
    assert not torch.equal(twin(x), output)
    assert torch.equal(net(x), output)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_state_dict_goes_there_and_back(batch_norm):
    net, twin = (CNN(SHAPE, 3, layers=ALL_KINDS, batch_norm=batch_norm) for _ in range(2))
    with_known_statistics(net).eval()
    twin.eval()
    x = torch.randn(4, *SHAPE)
    assert not torch.equal(twin(x), net(x))
    twin.load_state_dict(net.state_dict())
    assert torch.equal(twin(x), net(x))


# What is refused


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_shape", (8, 8)),
        ("image_shape", (1, 8, 8, 8)),
        ("image_shape", (1, 8, 0)),
        ("image_shape", (1, 8, -8)),
        ("image_shape", (1, 8, 8.0)),
        ("image_shape", 64),
        ("image_shape", "1x8x8"),
        ("image_shape", None),
        ("n_outputs", 0),
        ("n_outputs", 2.5),
        ("layers", "vgg"),
        ("layers", 5),
        ("layers", ["relu"]),
        ("layers", [None]),
        ("output_activation", "relu"),
        ("dropout", 1),
        ("dropout", -0.1),
        ("dropout", "half"),
        ("batch_norm", "no"),
    ],
)
def test_bad_parameters_are_named_with_their_value(name, value):
    params = {"image_shape": (1, 8, 8), "n_outputs": 3} | {name: value}
    shown = re.escape(f"Got {value!r} instead.")
    with pytest.raises(ValueError, match=f"^The '{name}' parameter of CNN must be .*{shown}$"):
        CNN(**params)


@pytest.mark.parametrize("name", CNN_PRESETS)
def test_an_unknown_preset_is_told_those_there_are(name):
    with pytest.raises(ValueError, match=f"'{name}'"):
        CNN((1, 8, 8), 3, layers="lenet")


@pytest.mark.parametrize(
    "layer",
    [
        (),
        ("dense", 5),
        (None, 5),
        (["conv"], 5, 3),
        ("conv",),
        ("conv", 5),
        ("conv", 5, 3, 1, 1),
        ("conv", 0, 3),
        ("conv", 5.5, 3),
        ("conv", "5", 3),
        ("conv", 5, 0),
        ("conv", 5, "same"),
        ("conv", 5, (3,)),
        ("conv", 5, (3, 3, 3)),
        ("conv", 5, (3, 0)),
        ("conv", 5, 3, -1),
        ("conv", 5, 3, "valid"),
        ("conv", 5, 3, None),
        ("max_pool",),
        ("max_pool", 0),
        ("max_pool", 2, 0),
        ("max_pool", 2, 2, 0),
        ("avg_pool", 2.5),
        ("avg_pool", 2, "same"),
        ("linear",),
        ("linear", 0),
        ("linear", 5, 5),
        ("linear", (5,)),
        ("relu", 3),
        ("gelu", "fast"),
        ("tanh", 1),
        ("scaled_tanh", 1.7),
    ],
    ids=str,
)
def test_a_bad_layer_is_told_by_its_place_and_what_layers_there_are(layer):
    grammar = r"\('conv', filters, size\[, padding\]\), .*\('relu',\)"
    must = rf"The 'layers\[1\]' parameter of CNN must be one of {grammar}"
    with pytest.raises(ValueError, match=rf"^{must}\. Got {re.escape(repr(layer))} instead\.$"):
        CNN((1, 8, 8), 3, layers=[("relu",), layer])


def assert_refused(layers, i, must):
    message = f"The 'layers[{i}]' parameter of CNN must {must}. Got {layers[i]!r} instead."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        CNN((1, 8, 8), 3, layers=layers)


@pytest.mark.parametrize(
    ("layers", "i", "n_maps", "extent"),
    [
        ([("conv", 5, 9)], 0, 1, "8 x 8"),
        ([("conv", 5, 3), ("conv", 5, (1, 7))], 1, 5, "6 x 6"),
        ([("conv", 5, 3), ("relu",), ("max_pool", 2), ("conv", 4, (4, 2))], 3, 5, "3 x 3"),
        ([("max_pool", (2, 1)), ("conv", 4, 5)], 1, 1, "4 x 8"),
        ([("max_pool", 9, 1)], 0, 1, "8 x 8"),
        ([("conv", 5, 12, 1)], 0, 1, "8 x 8"),
    ],
)
def test_a_layer_that_does_not_fit_is_named_with_the_maps_it_gets(layers, i, n_maps, extent):
    assert_refused(layers, i, f"fit what goes into it, {n_maps} maps of {extent} pixels")


@pytest.mark.parametrize("layer", [("conv", 5, 1), ("max_pool", 1), ("avg_pool", 1)])
def test_maps_are_needed_by_layers_on_maps(layer):
    must = "come before any linear layer, which leaves no maps"
    assert_refused([("linear", 4), ("relu",), layer], 2, must)


@pytest.mark.parametrize("size", [2, (3, 2)])
def test_an_even_kernel_cannot_keep_the_size(size):
    assert_refused([("conv", 4, size, "same")], 0, "have an odd size for a padding of 'same'")
