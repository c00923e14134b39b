import copy
import math
import pickle
import re

import pytest
import torch
from torch import nn

from sk_sdlr.modules import ACTIVATIONS, MLP
from sk_sdlr.modules._batch_norm import BatchNorm1d
from sk_sdlr.modules._checks import OUTPUT_ACTIVATIONS
from sk_sdlr.modules._dropout import Dropout

HAND_WRITTEN = {
    "relu": lambda z: z.clamp(min=0),
    "tanh": torch.tanh,
    "sigmoid": lambda z: 1 / (1 + torch.exp(-z)),
    "gelu": lambda z: z * (1 + torch.erf(z / math.sqrt(2))) / 2,
    "silu": lambda z: z / (1 + torch.exp(-z)),
    "mish": lambda z: z * torch.tanh(torch.log(1 + torch.exp(z))),
    "selu": lambda z: 1.0507009873554805 * z.where(z > 0, 1.6732632423543772 * (z.exp() - 1)),
    "scaled_tanh": lambda z: 1.7159 * torch.tanh(2 * z / 3),
}
HAND_WRITTEN_OUTPUT = {
    "identity": lambda z: z,
    "sigmoid": HAND_WRITTEN["sigmoid"],
    "softmax": lambda z: z,
}


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def normalised(x, mean, variance, norm):
    return (x - mean) / torch.sqrt(variance + norm.eps) * norm.weight + norm.bias


def with_known_statistics(net):
    """Give the batch norms of a net statistics and weights that are not the initial ones."""
    for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm1d)):
        for tensor in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
            tensor.uniform_(0.5, 2)
    return net


@pytest.mark.parametrize("hidden_layer_sizes", [(), (5,), [6, 4, 3]], ids=str)
@pytest.mark.parametrize("output_activation", OUTPUT_ACTIVATIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_is_the_composition_written_by_hand(
    activation, output_activation, hidden_layer_sizes
):
    net = MLP(
        7,
        2,
        hidden_layer_sizes=hidden_layer_sizes,
        activation=activation,
        output_activation=output_activation,
    ).double()
    x = expected = 3 * torch.randn(8, 7, dtype=torch.float64)
    *hidden, last = net.linears
    for linear in hidden:
        expected = HAND_WRITTEN[activation](expected @ linear.weight.T + linear.bias)
    expected = HAND_WRITTEN_OUTPUT[output_activation](expected @ last.weight.T + last.bias)
    torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize(
    ("hidden_layer_sizes", "widths"),
    [((), [(7, 2)]), ((50,), [(7, 50), (50, 2)]), ((20, 10), [(7, 20), (20, 10), (10, 2)])],
)
@pytest.mark.parametrize("n_samples", [1, 3])
def test_shapes(hidden_layer_sizes, widths, n_samples):
    net = MLP(7, 2, hidden_layer_sizes=hidden_layer_sizes)
    assert [(linear.in_features, linear.out_features) for linear in net.linears] == widths
    assert net(torch.zeros(n_samples, 7)).shape == (n_samples, 2)


def test_one_hidden_layer_of_100_relu_units_is_the_default():
    net = MLP(7, 2)
    assert net.linears[0].out_features == 100
    assert [type(module) for module in net.after[0]] == [nn.ReLU]
    assert net.output_activation == "identity"


def test_softmax_returns_the_logits():
    net, identity = (MLP(7, 3, output_activation=name) for name in ("softmax", "identity"))
    identity.load_state_dict(net.state_dict())
    x = torch.randn(5, 7)
    assert torch.equal(net(x), identity(x))


@pytest.mark.parametrize(
    ("dropout", "batch_norm", "kinds"),
    [
        (0.0, False, [nn.Tanh]),
        (0.25, False, [nn.Tanh, Dropout]),
        (0.0, True, [BatchNorm1d, nn.Tanh]),
        (0.25, True, [BatchNorm1d, nn.Tanh, Dropout]),
    ],
)
def test_batch_norm_and_dropout_are_there_only_when_asked_for(dropout, batch_norm, kinds):
    net = MLP(
        7,
        2,
        hidden_layer_sizes=(5, 4),
        activation="tanh",
        dropout=dropout,
        batch_norm=batch_norm,
    )
    assert [[type(module) for module in block] for block in net.after] == [kinds, kinds]
    assert {m.p for m in net.modules() if isinstance(m, Dropout)} == ({dropout} - {0.0})
    assert net.is_plain == (kinds == [nn.Tanh])


def test_linear_models_are_plain():
    net = MLP(7, 2, hidden_layer_sizes=(), dropout=0.5, batch_norm=True)
    assert net.is_plain
    assert len(net.after) == 0


def test_batch_norm_comes_between_linear_and_activation():
    net = with_known_statistics(
        MLP(7, 2, hidden_layer_sizes=(5,), activation="sigmoid", batch_norm=True)
    )
    x = torch.randn(8, 7)
    z = net.linears[0](x)
    norm = net.after[0][0]
    hidden = torch.sigmoid(normalised(z, z.mean(0), z.var(0, correction=0), norm))
    torch.testing.assert_close(net(x), net.linears[1](hidden))


def test_dropout_comes_after_the_activation():
    net = MLP(7, 50, hidden_layer_sizes=(50,), activation="sigmoid", dropout=0.5)
    nn.init.eye_(net.linears[1].weight)
    nn.init.zeros_(net.linears[1].bias)
    x = torch.randn(4, 7)
    output, hidden = net(x), torch.sigmoid(net.linears[0](x))
    dropped = output == 0
    assert 0 < dropped.sum() < dropped.numel()
    torch.testing.assert_close(output[~dropped], 2 * hidden[~dropped])
    torch.testing.assert_close(net.eval()(x), hidden)


def test_a_batch_of_one_row_is_normalised_by_the_running_statistics():
    net = with_known_statistics(
        MLP(7, 2, hidden_layer_sizes=(5,), activation="tanh", batch_norm=True)
    )
    before = copy.deepcopy(net.state_dict())
    x = torch.randn(1, 7)
    norm = net.after[0][0]
    hidden = torch.tanh(normalised(net.linears[0](x), norm.running_mean, norm.running_var, norm))
    output = net(x)
    torch.testing.assert_close(output, net.linears[1](hidden))
    output.sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    torch.testing.assert_close(net.state_dict(), before, atol=0, rtol=0)


def test_batches_of_more_rows_move_the_running_statistics():
    net = MLP(7, 2, hidden_layer_sizes=(5,), batch_norm=True)
    x = torch.randn(2, 7)
    net(x)
    torch.testing.assert_close(net.after[0][0].running_mean, 0.1 * net.linears[0](x).mean(0))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_agree_and_are_independent(copied):
    net = with_known_statistics(
        MLP(7, 2, dropout=0.5, batch_norm=True, output_activation="sigmoid")
    ).eval()
    twin = copied(net)
    x = torch.randn(5, 7)
    output = net(x)
    assert torch.equal(twin(x), output)
    assert twin.is_plain == net.is_plain
    nn.init.zeros_(twin.linears[1].weight)
    assert not torch.equal(twin(x), output)
    assert torch.equal(net(x), output)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_state_dict_goes_there_and_back(batch_norm):
    net, twin = (MLP(7, 2, hidden_layer_sizes=(5, 4), batch_norm=batch_norm) for _ in range(2))
    with_known_statistics(net).eval()
    twin.eval()
    x = torch.randn(5, 7)
    assert not torch.equal(twin(x), net(x))
    twin.load_state_dict(net.state_dict())
    assert torch.equal(twin(x), net(x))


SIZE, SIZES, PROBABILITY = (
    "a positive int",
    "a sequence of positive ints",
    "a number in the range [0, 1)",
)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("n_inputs", 0, SIZE),
        ("n_inputs", -1, SIZE),
        ("n_inputs", 7.5, SIZE),
        ("n_outputs", 0, SIZE),
        ("n_outputs", "2", SIZE),
        ("hidden_layer_sizes", (5, 0), SIZES),
        ("hidden_layer_sizes", (-5,), SIZES),
        ("hidden_layer_sizes", (5.5,), SIZES),
        ("hidden_layer_sizes", 5, SIZES),
        ("activation", "linear", "one of {'relu', 'tanh', "),
        ("activation", None, "one of {'relu', 'tanh', "),
        ("activation", ["relu"], "one of {'relu', 'tanh', "),
        ("output_activation", "relu", "one of {'identity', 'sigmoid', 'softmax'}"),
        ("dropout", -0.1, PROBABILITY),
        ("dropout", 1.0, PROBABILITY),
        ("dropout", math.nan, PROBABILITY),
        ("dropout", "0.1", PROBABILITY),
        ("batch_norm", "no", "one of {True, False}"),
    ],
)
def test_bad_parameters_are_named_with_what_is_allowed_and_their_value(name, value, allowed):
    params = {"n_inputs": 7, "n_outputs": 2} | {name: value}
    begin = re.escape(f"The '{name}' parameter of MLP must be {allowed}")
    with pytest.raises(ValueError, match=f"^{begin}.*Got {re.escape(repr(value))} instead.$"):
        MLP(**params)
