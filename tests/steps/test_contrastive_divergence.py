"""Contrastive divergence, held against the exact expectation of its update for tiny machines."""

import copy
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM
from torch import nn

from sk_sdlr.modules._rbm import RBM, VISIBLE_UNITS
from sk_sdlr.steps import Objective, _matmul
from sk_sdlr.steps._contrastive_divergence import ContrastiveDivergenceStep
from sk_sdlr.steps._step import Batches

kinds = pytest.mark.parametrize("visible", VISIBLE_UNITS)
persistence = pytest.mark.parametrize("persistent", [False, True])
N_CHAINS = 200_000
N_VISIBLE, N_HIDDEN = 3, 2
PARAMETERS = ("weight", "hidden_bias", "visible_bias")


def tiny(visible="bernoulli", n_visible=N_VISIBLE, n_hidden=N_HIDDEN):
    """Return a machine with large weights, so that a chain's means differ from its mean."""
    rbm = RBM(n_visible, n_hidden, visible=visible).double()
    for parameter in rbm.parameters():
        nn.init.normal_(parameter, 0, 1.5)
    if visible == "gaussian":
        rbm.mean.uniform_(-3, 3)
        rbm.scale.uniform_(0.5, 2)
    return rbm


def some_rows(rbm, n):
    v = torch.rand(n, len(rbm.visible_bias), dtype=rbm.weight.dtype)
    return rbm.mean + rbm.scale * 2 * v if rbm.is_gaussian else v


def step_of(rbm, lr=1.0, seed=0, *, criterion=None, optimizer=None, **params):
    objective = Objective(criterion or nn.MSELoss())
    optimizer = optimizer or torch.optim.SGD(rbm.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(seed)
    return ContrastiveDivergenceStep(rbm, objective, optimizer, generator=generator, **params)


def train(step, x, weight=None, batch_size=None):
    """Train on rows once; return their errors."""
    error = x.new_full((len(x),), torch.nan)
    step(Batches(x, x, error, batch_size or len(x), weight))
    return error


def updates(rbm, x, weight=None, **params):
    """Return what a step of learning rate 1 adds to the parameters."""
    before = copy.deepcopy(rbm)
    train(step_of(rbm, **params), x, weight)
    return {name: (getattr(rbm, name) - getattr(before, name)).detach() for name in PARAMETERS}


def gradients(step):
    return {name: getattr(step.rbm, name).grad.clone() for name in PARAMETERS}


def binary_states(n):
    return torch.tensor(list(product([0.0, 1.0], repeat=n)), dtype=torch.float64)


def visible_states(rbm, h):
    """Return visible states (standardised) and their probabilities given each hidden one.

    Those of Gaussian units are the nodes of a quadrature that is exact to rounding.
    """
    z = (h @ rbm.weight + rbm.visible_bias).detach()
    if not rbm.is_gaussian:
        v = binary_states(z.shape[1])
        p = torch.sigmoid(z)[:, None]
        return v.expand(len(h), -1, -1), (v * p + (1 - v) * (1 - p)).prod(2)
    nodes, weights = map(torch.from_numpy, np.polynomial.hermite_e.hermegauss(30))
    noise, share = torch.cartesian_prod(nodes, nodes), weights / weights.sum()
    return z[:, None] + noise, torch.outer(share, share).reshape(1, -1).expand(len(h), -1)


def hidden_given(rbm, standardised):
    return torch.sigmoid(standardised @ rbm.weight.T + rbm.hidden_bias).detach()


def probability_of_states(p, h):
    return (h * p[..., None, :] + (1 - h) * (1 - p[..., None, :])).prod(-1)


def moments(v, h):
    """Return what the three gradients are the means of, for each state."""
    return {"weight": h[..., None] * v[..., None, :], "hidden_bias": h, "visible_bias": v}


def expectation(rbm, x, n_steps):
    """Return mean and variance of what a chain from the row `x` contributes to the update."""
    h = binary_states(N_HIDDEN)
    v, p_v = visible_states(rbm, h)
    p_h = hidden_given(rbm, v)
    transition = torch.einsum("sv,svt->st", p_v, probability_of_states(p_h, h))
    data = rbm.standardise(x)
    state = probability_of_states(hidden_given(rbm, data), h)
    for _ in range(n_steps - 1):
        state = state @ transition
    chain, positive = moments(v, p_h), moments(data, hidden_given(rbm, data))
    mean, variance = {}, {}
    for name, values in chain.items():
        first, second = (torch.einsum("s,sv,sv...->...", state, p_v, values**i) for i in (1, 2))
        mean[name], variance[name] = positive[name] - first, second - first**2
    return mean, variance


def assert_within_errors(update, mean, variance, n):
    for name in PARAMETERS:
        limit = 5 * (variance[name] / n).sqrt() + 2e-5
        assert limit.max() < 0.1
        assert ((update[name] - mean[name]).abs() < limit).all(), name


@pytest.mark.parametrize("n_steps", [1, 2])
@kinds
def test_update_is_in_the_mean_the_contrastive_divergence(visible, n_steps):
    rbm = tiny(visible, n_visible=2 if visible == "gaussian" else N_VISIBLE)
    x = some_rows(rbm, 1)
    mean, variance = expectation(rbm, x[0], n_steps)
    update = updates(rbm, x.expand(N_CHAINS, -1), n_steps=n_steps)
    assert_within_errors(update, mean, variance, N_CHAINS)


def test_two_steps_differ_from_one_by_more_than_the_test_above_allows():
    rbm = tiny()
    x = some_rows(rbm, 1)[0]
    (one, variance), (two, _) = (expectation(rbm, x, n_steps) for n_steps in (1, 2))
    with pytest.raises(AssertionError):
        assert_within_errors(one, two, variance, N_CHAINS)


def test_rows_count_by_their_weights():
    rbm = tiny()
    x, weight = some_rows(rbm, 3), torch.tensor([2.0, 0, 0.5], dtype=torch.float64)
    parts = [expectation(rbm, row, 1) for row in x]
    mean, variance = (
        {name: sum(w**i * part[i - 1][name] for w, part in zip(weight, parts, strict=True)) / 3
         for name in PARAMETERS} for i in (1, 2)
    )  # fmt: skip
    update = updates(rbm, x.repeat(N_CHAINS, 1), weight.repeat(N_CHAINS))
    assert_within_errors(update, mean, variance, 3 * N_CHAINS)


@kinds
def test_rows_of_weight_0_contribute_nothing(visible):
    rbm = tiny(visible)
    x, weight = some_rows(rbm, 6), torch.tensor([1, 2, 0, 1, 0, 3]).double()
    other = x.clone()
    other[weight == 0] = some_rows(rbm, 2)
    first, second = (updates(copy.deepcopy(rbm), rows, weight) for rows in (x, other))
    for name in PARAMETERS:
        torch.testing.assert_close(first[name], second[name])
        assert not torch.equal(first[name], updates(copy.deepcopy(rbm), x)[name])


@persistence
def test_weights_that_are_all_2_double_the_update(persistent):
    rbm = tiny()
    x, weight = some_rows(rbm, 6), torch.full((6,), 2.0, dtype=torch.float64)
    once = updates(copy.deepcopy(rbm), x, persistent=persistent)
    twice = updates(rbm, x, weight, persistent=persistent)
    for name in PARAMETERS:
        torch.testing.assert_close(twice[name], 2 * once[name])


def test_persistent_chains_sample_the_model_and_rows_are_held_against_it():
    rbm, n = tiny(), 20_000
    x = some_rows(rbm, 1).expand(n, -1)
    weight = torch.rand(n, dtype=torch.float64)
    step = step_of(rbm, lr=0.0, persistent=True)
    for _ in range(30):
        train(step, x, weight)
    v, h = binary_states(N_VISIBLE), binary_states(N_HIDDEN)
    p = torch.softmax(-rbm.free_energy(v).detach(), 0)
    chain, positive = moments(v, hidden_given(rbm, v)), moments(x[0], hidden_given(rbm, x[0]))
    for name, gradient in gradients(step).items():
        mean = torch.einsum("v,v...->...", p, chain[name])
        variance = torch.einsum("v,v...->...", p, chain[name] ** 2) - mean**2
        expected = weight.mean() * (mean - positive[name])
        assert ((gradient - expected).abs() < 5 * (variance / n).sqrt() + 2e-5).all()
    marginal = probability_of_states(hidden_given(rbm, v), h).T @ p
    seen = torch.stack([(step.chains == state).all(1).double().mean() for state in h])
    assert ((seen - marginal).abs() < 5 * (marginal / n).sqrt()).all()


def test_persistent_chains_go_on_and_others_start_from_each_batch():
    # With these weights a hidden unit and its visible one never change: a chain keeps its state.
    rbm = RBM(2, 2)
    with torch.no_grad():
        rbm.weight.copy_(1e3 * torch.eye(2))
        rbm.hidden_bias.fill_(-500)
        rbm.visible_bias.fill_(-500)
    ones, zeros = torch.ones(4, 2), torch.zeros(3, 2)
    for persistent, moved in ((True, 2.0), (False, 0.0)):
        step = step_of(rbm, lr=0.0, persistent=persistent)
        train(step, ones)
        train(step, zeros, torch.tensor([1.0, 2.0, 3.0]))
        assert torch.equal(rbm.visible_bias.grad, torch.full((2,), moved))
        assert torch.equal(rbm.weight.grad, torch.full((2, 2), moved))


def test_there_are_as_many_persistent_chains_as_rows_in_the_first_batch():
    rbm = tiny()
    step = step_of(rbm, persistent=True)
    x = some_rows(rbm, 7)
    train(step, x, batch_size=3)
    assert step.chains.shape == (3, N_HIDDEN)


@persistence
@kinds
def test_error_is_that_of_the_reconstruction_before_the_update(visible, persistent):
    rbm = tiny(visible)
    with torch.no_grad():
        rbm.hidden_bias.copy_(torch.tensor([1e3, -1e3]))  # so that the hidden states are certain
    x = some_rows(rbm, 5)
    hidden = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(5, -1)
    expected = rbm.standardise(rbm.visible_mean(hidden)) - rbm.standardise(x)
    expected = expected.square().mean(1).detach()
    torch.testing.assert_close(train(step_of(rbm, 9.0, persistent=persistent), x), expected)


@persistence
def test_errors_of_the_outputs_are_those_of_the_reconstruction(persistent):
    # Of bits, cross-entropy and half the square tell the same probability of each.
    rbm = RBM(1, 3)
    x, (error, output_error) = torch.ones(7, 1), torch.empty(2, 7)
    nn.init.normal_(rbm.weight)
    step = step_of(rbm, criterion=nn.BCELoss(), persistent=persistent)
    step(Batches(x, x, error, 3, None, output_error))
    torch.testing.assert_close(output_error, (1 - torch.exp(-error)).square() / 2)
    assert len(set(error.tolist())) > 1


def test_error_of_persistent_chains_is_that_of_the_hidden_probabilities():
    rbm = tiny()
    x = some_rows(rbm, 5)
    expected = (rbm.visible_mean(rbm(x)) - x).square().mean(1).detach()
    torch.testing.assert_close(train(step_of(rbm, persistent=True), x), expected)


@kinds
def test_chains_go_on_from_a_state_whatever_was_done_since(visible):
    whole, other = tiny(visible), tiny(visible)
    x = some_rows(whole, 7)
    step, gone_on = step_of(whole, persistent=True), step_of(other, seed=5, persistent=True)
    train(step, x, batch_size=3)
    state, parameters = step.state_dict(), copy.deepcopy(whole.state_dict())
    expected = train(step, x, batch_size=3)
    train(gone_on, x[:5])
    other.load_state_dict(parameters)
    gone_on.load_state_dict(state)
    assert torch.equal(train(gone_on, x, batch_size=3), expected)
    assert torch.equal(gone_on.chains, step.chains)
    torch.testing.assert_close(other.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_momentum_and_weight_decay_are_the_optimisers():
    rbm = tiny()
    x = some_rows(rbm, 6)
    biases = [rbm.hidden_bias, rbm.visible_bias]
    groups = [{"params": [rbm.weight], "weight_decay": 0.1}, {"params": biases}]
    optimizer = torch.optim.SGD(groups, lr=0.2, momentum=0.5)
    step = step_of(rbm, optimizer=optimizer)
    velocity = dict.fromkeys(PARAMETERS, 0.0)
    expected = {name: getattr(rbm, name).detach().clone() for name in PARAMETERS}
    for _ in range(4):
        train(step, x)
        for name, gradient in gradients(step).items():
            decay = 0.1 * expected[name] if name == "weight" else 0
            velocity[name] = 0.5 * velocity[name] + gradient + decay
            expected[name] = expected[name] - 0.2 * velocity[name]
            torch.testing.assert_close(getattr(rbm, name).detach(), expected[name])


@persistence
@kinds
def test_the_generator_is_the_only_source_of_randomness(visible, persistent):
    rbm = tiny(visible)
    x, before = some_rows(rbm, 50), torch.get_rng_state()
    twins = [copy.deepcopy(rbm) for _ in range(3)]
    for twin, seed in zip(twins, (1, 1, 2), strict=True):
        train(step_of(twin, seed=seed, persistent=persistent), x, batch_size=20)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(twins[0].weight, twins[1].weight)
    assert not torch.equal(twins[0].weight, twins[2].weight)


@pytest.mark.parametrize("p", [0.0, 1e-3, 0.3, 1.0])
def test_binary_states_are_drawn_with_their_probability(p):
    step, n = step_of(tiny()), 1_000_001
    seen = step._draw(torch.full((n,), p))
    assert set(seen.unique().tolist()) <= {0, 1}
    assert abs(seen.double().mean().item() - p) <= 5 * (p * (1 - p) / n) ** 0.5 + 2e-5 * (0 < p < 1)


def test_neighbouring_states_are_drawn_independently():
    seen = step_of(tiny())._draw(torch.full((400_000,), 0.5)).view(-1, 8).double() - 0.5
    covariance = seen.T @ seen / len(seen)
    assert (covariance - torch.eye(8) / 4).abs().max() < 5 * 0.25 / len(seen) ** 0.5


@kinds
def test_large_matmul_change_nothing_but_the_speed(visible, monkeypatch):
    x = torch.rand(120, 110)
    weights = []
    monkeypatch.setattr(_matmul, "ONEDNN_FROM", 0)
    for available in (_matmul.HAS_ONEDNN, False):  # twice the same where torch has no oneDNN
        monkeypatch.setattr(_matmul, "USES_ONEDNN", available)
        rbm = RBM(110, 130, visible=visible, generator=torch.Generator().manual_seed(0))
        train(step_of(rbm, 0.01), x)
        weights.append(rbm.weight)
    torch.testing.assert_close(*weights)


@pytest.mark.parametrize(("persistent", "n_steps"), [(False, 1), (False, 3), (True, 1)])
@kinds
def test_reconstruction_error_falls(visible, persistent, n_steps):
    x = torch.randint(2, (4, 20)).float().repeat(50, 1)
    rbm = RBM(20, 10, visible=visible)
    rbm.fit_visible(x)
    step = step_of(rbm, 0.05, persistent=persistent, n_steps=n_steps)
    errors = [train(step, x, batch_size=10).mean().item() for _ in range(30)]
    assert errors[-1] < 0.5 * errors[0]


@kinds
def test_bfloat16_learns_nearly_the_same(visible):
    x = torch.randint(2, (4, 20)).float().repeat(50, 1)
    errors = {}
    for autocast in (None, torch.bfloat16):
        generator = torch.Generator().manual_seed(0)
        rbm = RBM(20, 10, visible=visible, generator=generator)
        rbm.fit_visible(x)
        step = step_of(rbm, 0.05, autocast=autocast)
        errors[autocast] = [train(step, x, batch_size=10).mean().item() for _ in range(20)]
        assert rbm.weight.dtype == torch.float32
    assert errors[None] != errors[torch.bfloat16]
    assert errors[torch.bfloat16][-1] == pytest.approx(errors[None][-1], rel=0.3)
    assert errors[torch.bfloat16][-1] < 0.5 * errors[torch.bfloat16][0]


@pytest.mark.parametrize("n_steps", [0, -1])
def test_number_of_steps_must_be_positive(n_steps):
    message = f"'n_steps' parameter .* must be a positive int. Got {n_steps} instead"
    with pytest.raises(ValueError, match=message):
        step_of(tiny(), n_steps=n_steps)


@persistence
def test_digits_are_learnt_as_well_as_by_scikit_learn(persistent):
    X = (load_digits().data / 16).astype(np.float32)
    theirs = BernoulliRBM(64, learning_rate=0.05, batch_size=10, n_iter=10, random_state=0).fit(X)
    ours = RBM(64, 64)
    step, x = step_of(ours, 0.05, persistent=persistent), torch.from_numpy(X)
    for _ in range(10):
        train(step, x, batch_size=10)
    copied = RBM(64, 64)
    with torch.no_grad():
        copied.weight.copy_(torch.from_numpy(theirs.components_))
        copied.hidden_bias.copy_(torch.from_numpy(theirs.intercept_hidden_))
        copied.visible_bias.copy_(torch.from_numpy(theirs.intercept_visible_))
    mine, same = (
        rbm.pseudo_log_likelihood(x.repeat(20, 1)).mean().item() for rbm in (ours, copied)
    )
    judged_by_them = np.mean(
        [theirs.set_params(random_state=seed).score_samples(X).mean() for seed in range(20)]
    )
    assert same == pytest.approx(judged_by_them, rel=0.02)
    assert mine == pytest.approx(same, rel=0.05)
