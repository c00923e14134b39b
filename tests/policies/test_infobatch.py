from fractions import Fraction

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Generator

from sk_sdlr.policies import ActiveSet, InfoBatch

PROPERTY = settings(deadline=None, derandomize=True, max_examples=60)
SHARES = [0.1, 0.29, 0.5, 0.9]


def skewed(n, dtype=torch.float32):
    """Errors of which most lie under the mean."""
    return torch.rand(n, generator=Generator().manual_seed(0), dtype=dtype) ** 3


def draws(policy, report, n_draws):
    """Return the weights of all rows, 0 of those left out, in many draws."""
    generator, weights = Generator().manual_seed(0), torch.zeros(n_draws, report.n_samples).double()
    for weight in weights:
        answer = policy.update(policy.start(report.n_samples), report, generator=generator)
        weight[answer.index] = answer.weight.double()
    return weights


def assert_everything(answer, n_samples):
    assert torch.equal(answer.index, torch.arange(n_samples))
    assert answer.weight is None
    assert answer.threshold is None


# Section 2.3: choice and weights


@PROPERTY
@given(
    error=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.integers(1, 60),
        elements=st.integers(0, 3) | st.floats(0, 9, width=32),
    ),
    r=st.sampled_from([*SHARES, 0.999]),
    seed=st.integers(0, 9),
)
def test_low_rows_kept_count_for_those_left_out(visit, error, r, seed):
    policy, n = InfoBatch(r=r), len(error)
    errors = torch.from_numpy(error)
    generator = Generator().manual_seed(seed)
    answer = policy.update(policy.start(n), visit(policy.start(n), errors), generator=generator)
    mean = sum(map(Fraction, error.tolist())) / n
    # A mean is rounded; who is that close to it may count as low or not.
    assume(abs(float(mean) - errors).min() > 1e-6 * float(mean))
    low = {row for row, e in enumerate(error.tolist()) if e < mean}
    n_out = int(r * len(low))
    if n_out == 0:
        assert_everything(answer, n)
        return
    kept = answer.index.tolist()
    assert len(kept) == n - n_out
    assert set(range(n)) - set(kept) <= low
    assert answer.threshold == pytest.approx(float(mean), rel=1e-6)
    weight = len(low) / (len(low) - n_out)
    expected = [weight if row in low else 1.0 for row in kept]
    assert answer.weight.tolist() == pytest.approx(expected, rel=1e-6)
    assert float(answer.weight.sum(dtype=torch.float64)) == pytest.approx(n, rel=1e-6)
    assert answer.weight.dtype == errors.dtype


@pytest.mark.parametrize("r", [0.29, 0.9])
def test_each_low_row_is_left_out_with_probability_r_and_no_other(r, visit):
    policy, n_draws = InfoBatch(r=r), 800
    error = torch.cat([torch.rand(100, generator=Generator().manual_seed(0)), torch.full((7,), 9)])
    report = visit(policy.start(107), error)
    out = (draws(policy, report, n_draws) == 0).double()
    assert not out[:, 100:].any()
    r = int(r * 100) / 100
    assert (out.sum(1) == int(r * 100)).all()
    deviation = (r * (1 - r) / n_draws) ** 0.5
    assert (out[:, :100].mean(0) - r).abs().max() < 5 * deviation
    # Whether a row goes has nothing to do with its error.
    assert abs((out[:, :100] @ error[:100].double()).mean() / error[:100].sum() - r) < 0.01


@pytest.mark.parametrize(("r", "n_samples"), [(0.3, 61), (0.5, 10), (0.9, 61)])
def test_the_expected_sum_is_that_of_all_rows(r, n_samples, visit):
    policy, error, n_draws = InfoBatch(r=r), skewed(n_samples), 800
    weights = draws(policy, visit(policy.start(n_samples), error), n_draws)
    # Also of anything else that a row contributes, such as its gradient.
    gradient = torch.randn(n_samples, 3, generator=Generator().manual_seed(1))
    terms = torch.cat([error.unsqueeze(1), gradient], 1).double()
    sums = weights @ terms
    assert (sums.std(0) > 0.01).all()
    off = (sums.mean(0) - terms.sum(0)).abs()
    assert (off < 5 * sums.std(0) / n_draws**0.5).all()
    assert weights.sum(1).numpy() == pytest.approx(n_samples, rel=1e-6)


def test_threshold_is_the_mean_and_rows_at_it_are_kept(visit):
    policy = InfoBatch(r=0.9)
    report = visit(policy.start(5), torch.tensor([3.0, 1.0, 2.0, 6.0, 3.0]))
    for weight in draws(policy, report, 50):
        # int(0.9 * 2) rows of two leave.
        assert weight[[0, 3, 4]].tolist() == [1, 1, 1]
        assert sorted(weight[[1, 2]].tolist()) == [0, 2]
    answer = policy.update(policy.start(5), report, generator=Generator())
    assert answer.threshold == 3.0


def test_rows_left_out_count_in_the_mean_and_may_come_back(visit):
    policy = InfoBatch()
    error = torch.tensor([0.0] * 6 + [8.0, 6.0])
    active = ActiveSet(torch.arange(4, 8), torch.ones(4))  # whose mean is 3.5
    report = visit(active, error)
    generator = Generator().manual_seed(0)
    answers = [policy.update(active, report, generator=generator) for _ in range(100)]
    assert {answer.threshold for answer in answers} == {1.75}
    visited = torch.cat([answer.index for answer in answers]).bincount(minlength=8)
    assert visited[6:].tolist() == [100, 100]
    # 50 of each low row are expected, with a standard deviation of 5.
    assert visited[:6].min() > 25
    assert visited[:6].max() < 75


def test_choices_of_epochs_and_of_seeds_differ(run):
    error = skewed(100)
    first, again, other = (
        [active.index.tolist() for active in run(InfoBatch(), error, 4, seed=seed)]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first[1] != first[2] != first[3]
    assert all(one != two for one, two in zip(first[1:], other[1:], strict=True))


# Section 2.4: the last epochs


@pytest.mark.parametrize("delta", ["7/8", "1/2", "7/10", "1/3", "1/100"])
@pytest.mark.parametrize("n_epochs", [1, 3, 5, 8, 10, 30])
def test_epochs_from_the_share_delta_on_visit_all_rows(n_epochs, delta, visit):
    share = Fraction(delta)
    policy, error = InfoBatch(delta=float(share)), skewed(50)
    for done in range(1, n_epochs):
        report = visit(policy.start(50), error, progress=done / n_epochs)
        answer = policy.update(policy.start(50), report, generator=Generator())
        # The epoch to come is number `done`, counted from 0 as in Eq. 10.
        if done >= share * n_epochs:
            assert_everything(answer, 50)
        else:
            assert len(answer.index) < 50
            assert answer.weight is not None


def test_weights_of_the_epoch_before_annealing_are_not_kept(visit):
    policy = InfoBatch(delta=0.5)
    active = ActiveSet(torch.arange(5, 50), torch.full((45,), 2.0), threshold=1.0)
    answer = policy.update(active, visit(active, skewed(50), progress=0.5), generator=Generator())
    assert_everything(answer, 50)


def test_with_delta_1_rows_are_left_out_to_the_end(visit):
    policy = InfoBatch(delta=1)
    report = visit(policy.start(50), skewed(50), progress=1 - 1e-9)
    answer = policy.update(policy.start(50), report, generator=Generator())
    assert len(answer.index) < 50


# Where no row is left out


@pytest.mark.parametrize("value", [0.5, torch.nan])
def test_with_r_0_every_row_is_visited_and_no_error_looked_at(value, visit):
    policy, error = InfoBatch(r=0), skewed(50)
    error[7] = value
    active = ActiveSet(torch.arange(50), torch.full((50,), 2.0), threshold=1.0)
    assert_everything(policy.update(active, visit(active, error), generator=Generator()), 50)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("value", [0.0, 0.1, 0.3, 1 / 3, 0.7, 1e38])
@pytest.mark.parametrize("n_samples", [1, 3, 10, 101, 1000])
def test_of_equal_errors_none_is_under_the_mean(n_samples, value, dtype, visit):
    policy = InfoBatch(r=0.9)
    active = ActiveSet(torch.arange(n_samples), torch.ones(n_samples))
    report = visit(active, torch.full((n_samples,), value, dtype=dtype))
    assert_everything(policy.update(active, report, generator=Generator()), n_samples)


def test_rows_so_few_that_r_makes_less_than_one_stay(visit):
    policy = InfoBatch(r=0.4)
    active = ActiveSet(torch.arange(4), torch.ones(4))
    report = visit(active, torch.tensor([0.0, 0.0, 9.0, 9.0]))
    assert_everything(policy.update(active, report, generator=Generator()), 4)


@pytest.mark.parametrize("n_low", [2, 3, 7, 100])
def test_at_least_one_low_row_stays_however_r_is_rounded(n_low, visit):
    policy = InfoBatch(r=1 - 2**-53)
    error = torch.cat([torch.zeros(n_low), torch.ones(1)])
    answer = policy.update(
        policy.start(n_low + 1), visit(policy.start(n_low + 1), error), generator=Generator()
    )
    assert answer.weight.tolist() == [n_low, 1]


# Errors that are not known, or not finite


def test_rows_that_were_never_visited_stay_with_weight_1(visit):
    policy = InfoBatch(r=0.9)
    active = policy.start(100)
    report = visit(active, skewed(100), n_visited=40)
    known = torch.isin(torch.arange(100), report.index)
    report.last_error[~known] = torch.nan
    weights = draws(policy, report, 20)
    mean = report.error.mean()
    low = known & (report.last_error < mean)
    assert (weights[:, ~low] == 1).all()
    assert ((weights[:, low] > 0).sum(1) == low.sum() - int(0.9 * low.sum())).all()
    answer = policy.update(active, report, generator=Generator())
    assert answer.threshold == pytest.approx(float(mean))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_errors_of_visited_rows_must_be_finite(bad, visit):
    error = torch.arange(10.0)
    error[7] = bad
    report = visit(InfoBatch().start(10), error)
    with pytest.raises(ValueError, match=r"must be finite.* Got 1 of 10 that are"):
        InfoBatch().update(InfoBatch().start(10), report, generator=Generator())


@pytest.mark.parametrize("bad", [torch.inf, -torch.inf])
def test_errors_of_rows_not_visited_must_be_finite(bad, visit):
    error = torch.arange(10.0)
    error[7] = bad
    active = ActiveSet(torch.arange(5))
    with pytest.raises(ValueError, match=r"must be finite.* Got 1 of 10 that are"):
        InfoBatch().update(active, visit(active, error), generator=Generator())


def test_the_mean_of_large_errors_is_finite(visit):
    policy = InfoBatch()
    report = visit(policy.start(4), torch.tensor([1e38, 2e38, 3e38, 3.2e38]))
    answer = policy.update(policy.start(4), report, generator=Generator())
    assert answer.threshold == pytest.approx(2.3e38)
    assert answer.weight.tolist() == [2, 1, 1]


# Parameters


@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        ("r", [1, -0.1, 1.5, float("nan")], ValueError),
        ("r", [True, "0.5", None, [0.5]], TypeError),
        ("delta", [0, -0.5, 1.01, float("nan"), float("inf")], ValueError),
        ("delta", [False, "1", None], TypeError),
    ],
)
def test_errors_name_the_parameter_the_value_and_what_is_allowed(name, values, error):
    allowed = {"r": "[0, 1)", "delta": "(0, 1]"}[name]
    for value in values:
        with pytest.raises(error) as caught:
            InfoBatch(**{name: value})
        message = f"The '{name}' parameter of InfoBatch must be a number in the range {allowed}. "
        assert str(caught.value) == message + f"Got {value!r} instead."


def test_defaults_are_those_of_the_paper():
    assert InfoBatch().get_params() == {"r": 0.5, "delta": 0.875}
    assert InfoBatch.is_weighted


def test_numbers_of_numpy_are_numbers(run):
    policy = InfoBatch(r=np.float32(0.25), delta=np.int64(1))
    for one, other in zip(
        run(policy, skewed(60), 3), run(InfoBatch(r=0.25, delta=1), skewed(60), 3), strict=True
    ):
        assert torch.equal(one.index, other.index)
    assert len(one.index) < 60
