import re

import pytest
import torch
from torch import nn

from sk_sdlr.modules import MLP, JoinMembers, MeanOfMembers, MemberLinear, SplitMembers
from sk_sdlr.modules._random import drawing_from


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_each_member_has_columns_and_weights_of_its_own():
    layer, x = MemberLinear(3, 4, 2), torch.randn(5, 12)
    expected = [x[:, 4 * i : 4 * i + 4] @ layer.weight[i] + layer.bias[i] for i in range(3)]
    torch.testing.assert_close(layer(x), torch.cat(expected, 1))


def test_initial_weights_are_bounded_as_those_of_a_linear_layer():
    layer = MemberLinear(50, 16, 8)
    for parameter in layer.parameters():
        assert parameter.abs().max() <= 0.25
        assert parameter.abs().max() > 0.24
        assert abs(parameter.mean()) < 0.02


@pytest.mark.parametrize("make", [lambda: MemberLinear(2, 3, 4), lambda: SplitMembers(4, 20)])
def test_initial_weights_come_from_the_current_generator(make):
    before = torch.get_rng_state()
    made = []
    for _ in range(2):
        with drawing_from(torch.Generator().manual_seed(1)):
            made.append(make().weight)
    assert torch.equal(*made)
    assert torch.equal(torch.get_rng_state(), before)


def test_rows_are_split_with_signs_and_joined():
    split, x = SplitMembers(2, 3), torch.randn(4, 3)
    assert set(split.weight.flatten().tolist()) <= {1.0, -1.0}
    rows = split(x)
    for i in range(4):
        for member in range(2):
            torch.testing.assert_close(rows[2 * i + member], x[i] * split.weight[member])
    assert torch.equal(JoinMembers(2)(rows)[1], torch.cat([rows[2], rows[3]]))


def test_the_mean_is_that_of_outputs_or_of_probabilities():
    x = torch.randn(5, 6)
    of_members = x.view(5, 3, 2)
    for kind in ("identity", "sigmoid"):
        mean = MeanOfMembers(3, kind).eval()(x)
        torch.testing.assert_close(mean, of_members.mean(1))
    log_p = MeanOfMembers(3, "softmax").eval()(x)
    torch.testing.assert_close(log_p.exp(), of_members.softmax(2).mean(1))
    torch.testing.assert_close(log_p.softmax(1), log_p.exp())


def test_training_sees_all_members():
    x = torch.randn(5, 6)
    outputs = MeanOfMembers(3, "softmax").train()(x)
    for member in range(3):
        assert torch.equal(outputs[:, :, member], x[:, 2 * member : 2 * member + 2])


def test_members_of_a_perceptron_are_perceptrons():
    net = MLP(4, 2, hidden_layer_sizes=(5, 6), n_members=3, scaling=True, activation="tanh").eval()
    x = torch.randn(7, 4)
    first, second, last = net.linears
    outputs = []
    for i in range(3):
        own = slice(5 * i, 5 * i + 5)
        hidden = torch.tanh(nn.functional.linear(x, first.weight[own], first.bias[own]))
        hidden = torch.tanh(hidden @ second.weight[i] + second.bias[i])
        outputs.append(hidden @ last.weight[i] + last.bias[i])
    torch.testing.assert_close(net(x), torch.stack(outputs).mean(0))


def test_the_last_layer_may_begin_with_weights_of_nothing():
    net = MLP(4, 2, hidden_layer_sizes=(5,), n_members=2, zero_output=True)
    assert not net.linears[-1].weight.any()
    assert net.linears[-1].bias.any()


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (lambda v: MemberLinear(v, 1, 1), "n_members", 0),
        (lambda v: MemberLinear(1, v, 1), "n_inputs", 1.5),
        (lambda v: MemberLinear(1, 1, v), "n_outputs", None),
        (lambda v: SplitMembers(v, 1), "n_members", -1),
        (lambda v: SplitMembers(1, v), "n_features", 0),
        (lambda v: JoinMembers(v), "n_members", 0),
        (lambda v: MeanOfMembers(v), "n_members", 0),
        (lambda v: MeanOfMembers(1, v), "output_activation", "tanh"),
        (lambda v: MLP(1, 1, n_members=v), "n_members", 0),
        (lambda v: MLP(1, 1, scaling=v), "scaling", "yes"),
        (lambda v: MLP(1, 1, zero_output=v), "zero_output", 2),
    ],
)
def test_parameters_are_checked(make, name, value):
    with pytest.raises(
        ValueError, match=rf"The '{name}' parameter of \w+ must .*{re.escape(repr(value))}"
    ):
        make(value)
