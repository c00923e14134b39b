"""Restricted Boltzmann machines, held against the enumeration of all states of tiny ones."""

import copy
import math
import pickle
import re
from itertools import product

import pytest
import torch
from torch import nn

from sk_sdlr.modules._random import drawing_from
from sk_sdlr.modules._rbm import RBM, VISIBLE_UNITS

kinds = pytest.mark.parametrize("visible", VISIBLE_UNITS)
N_DRAWS = 100_000


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def binary_states(n):
    return torch.tensor(list(product([0.0, 1.0], repeat=n)), dtype=torch.float64)


def tiny(visible, n_visible=3, n_hidden=2):
    """Return a machine whose parameters and buffers are all far from their initial values."""
    rbm = RBM(n_visible, n_hidden, visible=visible).double()
    for parameter in rbm.parameters():
        nn.init.normal_(parameter)
    if visible == "gaussian":
        rbm.mean.uniform_(-3, 3)
        rbm.scale.uniform_(0.5, 2)
    return rbm.requires_grad_(False)


def some_visible(rbm, n=5):
    n_visible = rbm.visible_bias.shape[0]
    if rbm.is_gaussian:
        return rbm.mean + rbm.scale * torch.randn(n, n_visible, dtype=torch.float64)
    return torch.rand(n, n_visible, dtype=torch.float64)


def energy(rbm, v, h):
    """Return E of each row of `v` with each row of `h`, written by hand."""
    if rbm.is_gaussian:
        v = (v - rbm.mean) / rbm.scale
        of_visible = ((v - rbm.visible_bias) ** 2).sum(1) / 2
    else:
        of_visible = -(v * rbm.visible_bias).sum(1)
    return of_visible[:, None] - (h * rbm.hidden_bias).sum(1) - v @ rbm.weight.T @ h.T


@kinds
def test_free_energy_is_the_log_of_the_sum_over_all_hidden_states(visible):
    rbm = tiny(visible)
    v = some_visible(rbm)
    expected = -torch.logsumexp(-energy(rbm, v, binary_states(2)), dim=1)
    torch.testing.assert_close(rbm.free_energy(v), expected)


@kinds
def test_hidden_probability_is_that_of_the_joint_distribution(visible):
    rbm = tiny(visible)
    v, h = some_visible(rbm), binary_states(2)
    expected = torch.softmax(-energy(rbm, v, h), dim=1) @ h
    torch.testing.assert_close(rbm.hidden_probability(v), expected)
    torch.testing.assert_close(rbm(v), expected)


def test_visible_mean_is_that_of_the_joint_distribution_of_binary_units():
    rbm = tiny("bernoulli")
    v, h = binary_states(3), binary_states(2)
    expected = torch.softmax(-energy(rbm, v, h), dim=0).T @ v
    torch.testing.assert_close(rbm.visible_mean(h), expected)


def test_visible_mean_and_spread_are_those_of_the_joint_density_of_gaussian_units():
    rbm = tiny("gaussian", n_visible=2)
    grid = torch.linspace(-15, 15, 301, dtype=torch.float64)
    v, h = rbm.mean + rbm.scale * torch.cartesian_prod(grid, grid), binary_states(2)
    density = torch.softmax(-energy(rbm, v, h), dim=0).T
    mean = density @ v
    torch.testing.assert_close(rbm.visible_mean(h), mean)
    torch.testing.assert_close((density @ v**2 - mean**2).sqrt(), rbm.scale.expand(4, 2))


@kinds
def test_samples_have_the_moments_of_their_distribution(visible):
    rbm = tiny(visible)
    v, h = some_visible(rbm, 1).expand(N_DRAWS, -1), binary_states(2)[1:2].expand(N_DRAWS, -1)
    hidden, drawn = rbm.sample_hidden(v), rbm.sample_visible(h)
    assert set(hidden.unique().tolist()) == {0, 1}
    p, mean = rbm.hidden_probability(v[:1])[0], rbm.visible_mean(h[:1])[0]
    spread = rbm.scale if rbm.is_gaussian else (mean * (1 - mean)).sqrt()
    se = N_DRAWS**-0.5
    assert ((hidden.mean(0) - p).abs() < 5 * se * (p * (1 - p)).sqrt()).all()
    assert ((drawn.mean(0) - mean).abs() < 5 * se * spread).all()
    torch.testing.assert_close(drawn.std(0), spread, rtol=0.02, atol=0)
    if not rbm.is_gaussian:
        assert set(drawn.unique().tolist()) == {0, 1}


@kinds
@pytest.mark.parametrize("given", [True, False])
def test_a_generator_given_or_of_the_run_is_the_only_source_of_randomness(visible, given):
    def everything():
        generator = torch.Generator().manual_seed(3)
        with drawing_from(torch.Generator() if given else generator):
            return draw(generator if given else None)

    def draw(generator):
        rbm = RBM(4, 3, visible=visible, generator=generator)
        v = rbm.sample_visible(torch.ones(9, 3), generator)
        drawn = [rbm.weight.detach(), v, rbm.sample_hidden(v, generator)]
        if visible == "bernoulli":
            drawn.append(rbm.pseudo_log_likelihood(v, generator))
        return drawn

    before = torch.get_rng_state()
    first, second = everything(), everything()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(map(torch.equal, first, second))
    assert all(map(torch.equal, first, draw(torch.Generator().manual_seed(3))))


def test_pseudo_log_likelihood_is_in_the_mean_that_of_each_unit_given_the_others():
    rbm, v = tiny("bernoulli"), binary_states(3)[3:6]
    expected = torch.zeros(3, dtype=torch.float64)
    for i in range(3):
        other = v.clone()
        other[:, i] = 1 - other[:, i]
        p = [torch.exp(-energy(rbm, some, binary_states(2))).sum(1) for some in (v, other)]
        expected += torch.log(p[0] / (p[0] + p[1]))
    drawn = rbm.pseudo_log_likelihood(v.repeat(N_DRAWS, 1)).view(N_DRAWS, 3)
    assert ((drawn.mean(0) - expected).abs() < 5 * drawn.std(0) / N_DRAWS**0.5).all()


def test_pseudo_log_likelihood_of_gaussian_units_is_refused():
    with pytest.raises(ValueError, match=r"'visible' .* must be 'bernoulli' .* Got 'gaussian'"):
        RBM(3, 2, visible="gaussian").pseudo_log_likelihood(torch.zeros(1, 3))


@pytest.mark.parametrize("weighted", [False, True])
def test_gaussian_units_are_standardised(weighted):
    v = 1e3 + 5 * torch.randn(500, 4) * torch.tensor([1.0, 0, 1e-2, 3])
    weight = torch.rand(500) if weighted else None
    rbm = RBM(4, 2, visible="gaussian")
    rbm.fit_visible(v, weight)
    share = torch.ones(500) / 500 if weight is None else weight / weight.sum()
    exact = v.double()
    mean = share.double() @ exact
    scale = (share.double() @ (exact - mean) ** 2).sqrt()
    assert rbm.scale[1] == 1
    torch.testing.assert_close(rbm.mean, mean.float())
    varying = [0, 2, 3]
    torch.testing.assert_close(rbm.scale[varying], scale[varying].float(), rtol=1e-3, atol=0)
    assert rbm.visible_bias.abs().sum() == 0


@pytest.mark.parametrize("value", [0.1, 1234.567, -1e6])
def test_features_that_are_constant_keep_a_scale_of_1(value):
    rbm = RBM(1, 2, visible="gaussian")
    rbm.fit_visible(torch.full((9_999, 1), value))
    assert rbm.scale == 1
    torch.testing.assert_close(rbm.mean, torch.tensor([value]))


def test_binary_units_get_the_bias_of_their_mean():
    v = (torch.rand(2000, 3) < torch.tensor([0.2, 0.5, 0.9])).float()
    v[:, 2] = 0
    rbm = RBM(3, 2)
    nn.init.zeros_(rbm.weight)
    rbm.fit_visible(v)
    torch.testing.assert_close(rbm.visible_mean(torch.zeros(1, 2))[0], v.mean(0), atol=1e-3, rtol=0)
    assert rbm.visible_bias.isfinite().all()
    assert torch.equal(rbm.scale, torch.ones(3))
    only = torch.zeros(2000)
    only[7] = 0.5
    rbm.fit_visible(v, only)
    assert torch.equal(rbm.visible_mean(torch.zeros(1, 2))[0].round(), v[7])


@kinds
def test_the_sigmoid_of_as_linear_is_the_hidden_probability(visible):
    rbm = tiny(visible)
    v, before = some_visible(rbm), torch.get_rng_state()
    linear = rbm.as_linear()
    assert type(linear) is nn.Linear
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(torch.sigmoid(linear(v)), rbm(v))
    assert all(parameter.requires_grad for parameter in linear.parameters())
    expected = rbm(v)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    assert torch.equal(rbm(v), expected)


@pytest.mark.parametrize("n_samples", [1, 3])
@kinds
def test_shapes(visible, n_samples):
    rbm = RBM(7, 50, visible=visible)
    v, h = torch.zeros(n_samples, 7), torch.zeros(n_samples, 50)
    assert rbm.weight.shape == (50, 7) == rbm.as_linear().weight.shape
    assert rbm(v).shape == rbm.sample_hidden(v).shape == (n_samples, 50)
    assert rbm.visible_mean(h).shape == rbm.sample_visible(h).shape == (n_samples, 7)
    assert rbm.free_energy(v).shape == (n_samples,)


def test_initial_weights_are_small_and_biases_zero():
    rbm = RBM(300, 200)
    assert rbm.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert abs(rbm.weight.mean().item()) < 1e-3
    assert not rbm.hidden_bias.any()
    assert not rbm.visible_bias.any()
    assert rbm.visible == "bernoulli"


@kinds
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda rbm: pickle.loads(pickle.dumps(rbm))])
def test_copies_agree(copied, visible):
    rbm = tiny(visible)
    v = some_visible(rbm)
    assert torch.equal(copied(rbm)(v), rbm(v))


@kinds
def test_state_dict_goes_there_and_back(visible):
    rbm, twin = tiny(visible), RBM(3, 2, visible=visible).double()
    v = some_visible(rbm)
    twin.load_state_dict(rbm.state_dict())
    assert torch.equal(twin.free_energy(v), rbm.free_energy(v))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_visible", 0),
        ("n_visible", 7.5),
        ("n_hidden", -1),
        ("n_hidden", "2"),
        ("visible", "softmax"),
        ("visible", None),
        ("n_hidden", math.nan),
    ],
)
def test_parameters_out_of_range_are_named(name, value):
    params = {"n_visible": 7, "n_hidden": 2} | {name: value}
    shown = re.escape(f"Got {value!r} instead.")
    with pytest.raises(ValueError, match=f"^The '{name}' parameter of RBM must be .*{shown}$"):
        RBM(**params)
