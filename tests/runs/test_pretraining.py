"""Stacks of restricted Boltzmann machines, trained layer by layer."""

import math
import re

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from sk_sdlr.modules import RBM
from sk_sdlr.policies import AutoRecall, ShrinkRecall
from sk_sdlr.runs import pretrain
from sk_sdlr.runs._pretraining import _optimizer
from tests.runs.small import Fixed, Spy, column

DIGITS = torch.from_numpy(load_digits().data[:300] / 16).float()
GENERATOR = torch.Generator().manual_seed(0)
# Five features that follow two of which nothing is seen.
LATENT = torch.randint(2, (200, 2), generator=GENERATOR).float()
REAL = 3 + LATENT @ torch.randn(2, 5, generator=GENERATOR)
REAL += 0.2 * torch.randn(200, 5, generator=GENERATOR)


def run(X, sizes=(8,), seed=0, **params):
    return pretrain(X, sizes, generator=torch.Generator().manual_seed(seed), **params)


@pytest.mark.parametrize("sizes", [(9,), (9, 7), [9, 7, 5]], ids=str)
def test_each_machine_stands_on_the_one_below(sizes):
    machines, history = run(DIGITS, sizes, epochs=2)
    shapes = [tuple(rbm.weight.shape) for rbm in machines]
    assert shapes == [(9, 64), (7, 9), (5, 7)][: len(sizes)]
    assert column(history, "layer") == [i for i in range(len(sizes)) for _ in range(2)]
    assert column(history, "epoch") == [1, 2] * len(sizes)


def test_upper_layers_learn_the_hidden_probabilities_of_the_one_below():
    # At learning rate 0 a machine knows nothing but the means of what it is shown.
    X = torch.cat([DIGITS] * 4)  # more rows than are propagated at a time
    (first, second), _ = run(X, (8, 6), epochs=1, lr=0.0)
    mean = first(X).mean(0) * len(X)
    torch.testing.assert_close(second.visible_bias, torch.logit((mean + 1) / (len(X) + 2)))


@pytest.mark.parametrize(
    ("X", "visible", "kind"),
    [
        (DIGITS, "auto", "bernoulli"),
        (DIGITS - 0.01, "auto", "gaussian"),
        (DIGITS * 1.01, "auto", "gaussian"),
        (DIGITS, "gaussian", "gaussian"),
        (DIGITS * 1.01, "bernoulli", "bernoulli"),
    ],
)
def test_kind_of_the_first_visible_units_is_that_of_the_data(X, visible, kind):
    machines, _ = run(X, (8, 8), visible=visible, epochs=1)
    assert [rbm.visible for rbm in machines] == [kind, "bernoulli"]


def test_history_has_one_record_an_epoch():
    _, history = run(DIGITS, (8, 6), epochs=3)
    assert {*history[0]} == {"layer", "epoch", "n_active", "reconstruction_error", "duration"}
    assert column(history, "n_active") == [300] * 6
    assert all(duration > 0 for duration in column(history, "duration"))


@pytest.mark.parametrize("recall", [True, False])
def test_a_policy_chooses_the_rows_of_each_layer_anew(recall):
    policy = ShrinkRecall(s=0.3, t=0.4, alpha=None, recall=recall)
    _, history = run(DIGITS, (8, 6), epochs=5, policy=policy)
    sizes = [300, 210, 147, 103, 300 if recall else 103]
    assert column(history, "n_active") == sizes * 2


def test_a_policy_sees_the_reconstruction_errors():
    # Blank rows are the easy ones.
    X, spy = torch.cat([torch.zeros(150, 64), DIGITS[:150]]), Spy()
    _, history = run(X, epochs=3, policy=spy)
    reports = [report for _, report in spy.told]
    assert [(report.epoch, round(report.progress, 3)) for report in reports] == [
        (1, 0.333),
        (2, 0.667),
    ]
    for report in reports:
        error = report.last_error
        assert error[:150].max() < error[150:].median()
        mean = history[report.epoch - 1]["reconstruction_error"]
        assert error.mean().item() == pytest.approx(mean, rel=1e-5)


@pytest.mark.usefixtures("tiny_sets")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [None, 0.5])
def test_rows_that_are_easy_to_reconstruct_leave_and_come_back(alpha, weighted):
    X = torch.cat([torch.zeros(200, 64), DIGITS[:100]])
    params = {"sample_weight": torch.linspace(1, 2, 300)} if weighted else {}
    _, history = run(X, epochs=30, batch_size=10, policy=AutoRecall(alpha=alpha), **params)
    sizes = column(history, "n_active")
    assert sizes[0] == 300
    assert min(sizes) < 200
    assert 300 in sizes[sizes.index(min(sizes)) :]


@pytest.mark.parametrize("alpha", [None, 0.5])
def test_gaussian_units_learn_under_a_policy_that_needs_the_errors_of_the_outputs(alpha):
    policy = AutoRecall(s=0.5, alpha=alpha)
    _, history = run(REAL, (16,), epochs=40, batch_size=10, momentum=0.0, policy=policy)
    errors = column(history, "reconstruction_error")
    full = [i for i, size in enumerate(column(history, "n_active")) if size == 200]
    assert errors[full[-1]] < 0.9 * errors[0]


@pytest.mark.parametrize(("X", "bounded"), [(DIGITS, True), (DIGITS * 3 - 1, False)])
def test_a_policy_is_told_whether_units_are_bounded(X, bounded):
    spy = Spy(AutoRecall())
    run(X, (8, 6), epochs=2, policy=spy)
    reports = [report for _, report in spy.told]
    assert [report.bounded_outputs for report in reports] == [bounded, True]
    assert all(torch.equal(r.signals["output_error"], r.error) for r in reports)


def test_weights_of_a_policy_reach_the_gradient():
    other = torch.cat([DIGITS[:150], DIGITS[150:].flip(0)])
    of_first_half = Fixed(torch.arange(300), (torch.arange(300) < 150).double())
    (first,), _ = run(DIGITS, epochs=2, policy=of_first_half, batch_size=10)
    (second,), _ = run(other, epochs=2, policy=of_first_half, batch_size=10)
    torch.testing.assert_close(first.weight, second.weight)
    (full,), _ = run(DIGITS, epochs=2, batch_size=10)
    assert not torch.allclose(first.weight, full.weight)


@pytest.mark.parametrize("X", [DIGITS, DIGITS * 3 - 1], ids=["bernoulli", "gaussian"])
def test_rows_of_sample_weight_0_contribute_nothing(X):
    weight = (torch.arange(300) % 3 > 0).float() * 2
    other = X.clone()
    other[::3] = torch.rand(100, 64)
    first, second = (run(rows, (8, 6), epochs=2, sample_weight=weight) for rows in (X, other))
    for one, two in zip(first[0], second[0], strict=True):
        for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
            torch.testing.assert_close(a, b)
    errors = [column(history, "reconstruction_error") for _, history in (first, second)]
    assert errors[0] == pytest.approx(errors[1])
    assert errors[0] != pytest.approx(column(run(X, (8, 6), epochs=2)[1], "reconstruction_error"))


@pytest.mark.parametrize("X", [DIGITS, REAL], ids=["bernoulli", "gaussian"])
@pytest.mark.parametrize("persistent", [False, True])
def test_reconstruction_error_falls(X, persistent):
    _, history = run(X, (16,), epochs=40, batch_size=10, persistent=persistent, momentum=0.0)
    errors = column(history, "reconstruction_error")
    assert errors[-1] < 0.9 * errors[0]


def test_gaussian_units_do_not_depend_on_the_units_of_the_features():
    units = torch.tensor([1e-3, 1.0, 1e3, 60, 1e6], dtype=torch.float64)
    X = REAL.double()
    (first, second) = (run(rows, (8, 4), epochs=3) for rows in (X, 5 * units + X * units))
    errors = [column(history, "reconstruction_error") for _, history in (first, second)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-6)
    torch.testing.assert_close(first[0][0](X), second[0][0](5 * units + X * units))


@pytest.mark.parametrize("n_hidden", [5, 50, 1000])
def test_default_learning_rate_suits_gaussian_units_under_any_number_of_hidden_ones(n_hidden):
    _, history = run(REAL.repeat(5, 1), (n_hidden,), epochs=20)
    errors = column(history, "reconstruction_error")
    assert errors[-1] < 0.9 * errors[0] < 1


def test_weights_decay_and_biases_do_not():
    groups = _optimizer(RBM(3, 2), 0.1, 0.5, 0.01).param_groups
    decays = {tuple(p.shape): group["weight_decay"] for group in groups for p in group["params"]}
    assert decays == {(2, 3): 0.01, (2,): 0, (3,): 0}
    assert {(group["lr"], group["momentum"]) for group in groups} == {(0.1, 0.5)}


@pytest.mark.parametrize(("n_hidden", "lr"), [(5, 0.1), (20, 0.1), (1000, 0.002)])
def test_learning_rate_of_gaussian_units_falls_with_the_number_of_hidden_ones(n_hidden, lr):
    groups = _optimizer(RBM(3, n_hidden, visible="gaussian"), 0.1, 0.0, 0.0).param_groups
    assert [group["lr"] for group in groups] == [pytest.approx(lr)] * 2


@pytest.mark.parametrize(
    "changed",
    [
        {"lr": 0.5},
        {"momentum": 0.0},
        {"weight_decay": 0.5},
        {"cd_k": 2},
        {"persistent": True},
        {"batch_size": 7},
        {"seed": 1},
        {"epochs": 4},
    ],
    ids=str,
)
def test_every_parameter_counts_and_the_generator_is_the_only_source_of_randomness(changed):
    before = torch.get_rng_state()
    params = {"epochs": 3, "batch_size": 50}
    same, twin, other = (run(DIGITS, (8, 6), **params | some) for some in ({}, {}, changed))
    assert torch.equal(torch.get_rng_state(), before)
    for layer in range(2):
        assert torch.equal(same[0][layer].weight, twin[0][layer].weight)
        assert not torch.allclose(same[0][layer].weight, other[0][layer].weight)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_machines_have_the_type_of_the_data(dtype):
    machines, _ = run(DIGITS.to(dtype), (8, 6), epochs=1)
    assert {tensor.dtype for rbm in machines for tensor in rbm.state_dict().values()} == {dtype}


def test_no_gradients_are_left():
    machines, _ = run(DIGITS, (8, 6), epochs=1)
    assert all(parameter.grad is None for rbm in machines for parameter in rbm.parameters())


@pytest.mark.parametrize("X", [REAL, DIGITS], ids=["gaussian", "bernoulli"])
def test_divergence_is_an_error_that_says_what_to_do(X):
    with pytest.raises(FloatingPointError, match=r"at pretrain_lr=1e\+38\. Try a smaller one"):
        run(X, lr=1e38, epochs=20)


def test_nan_in_the_data_is_an_error():
    X = DIGITS.clone()
    X[3, 4] = torch.nan
    with pytest.raises(FloatingPointError, match="features without NaN"):
        run(X, policy=AutoRecall())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_layer_sizes", (5, 0)),
        ("hidden_layer_sizes", 5),
        ("hidden_layer_sizes", (5.5,)),
        ("visible", "softmax"),
        ("epochs", 0),
        ("lr", -0.1),
        ("lr", math.nan),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("cd_k", 0),
        ("momentum", 1.0),
        ("momentum", "0.5"),
        ("weight_decay", -1e-4),
    ],
)
def test_parameters_out_of_range_are_named(name, value):
    params = {"hidden_layer_sizes": (8,)} | {name: value}
    got = re.escape(f"Got {value!r} instead.")
    with pytest.raises(ValueError, match=rf"^The '{name}' parameter of pretrain must be .*{got}$"):
        pretrain(DIGITS, **params, generator=torch.Generator())


@pytest.mark.parametrize(
    "X", [torch.zeros(3), torch.zeros(3, 2).long(), torch.zeros(0, 2)], ids=str
)
def test_data_must_be_a_matrix_of_floats(X):
    with pytest.raises(ValueError, match="X must be a matrix of floats"):
        run(X)


def test_no_layers_are_no_machines():
    assert run(DIGITS, ()) == ([], [])


def test_as_linear_makes_the_layers_of_a_net():
    machines, _ = run(REAL, (8, 6), epochs=1)
    net = nn.Sequential(*(part for rbm in machines for part in (rbm.as_linear(), nn.Sigmoid())))
    torch.testing.assert_close(net(REAL), machines[1](machines[0](REAL)))
