from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator

from sk_sdlr.policies import ActiveSet, SelectiveBackprop


def distinct_errors(n, seed=0):
    return torch.randperm(n, generator=Generator().manual_seed(seed)).float()


def draws(policy, report, n_draws):
    """Return which rows are chosen in many draws."""
    generator, active = Generator().manual_seed(0), ActiveSet(report.index.sort().values)
    chosen = torch.zeros(n_draws, report.n_samples, dtype=torch.bool)
    for row in chosen:
        row[policy.update(active, report, generator=generator).index] = True
    return chosen


def assert_probabilities(chosen, expected):
    """Within 5 standard deviations; counts that rare are not normal, so of 1 draw more."""
    n_draws, expected = len(chosen), torch.as_tensor(expected, dtype=torch.float64)
    deviation = (expected * (1 - expected) / n_draws).sqrt()
    off = (chosen.double().mean(0) - expected).abs()
    assert (off <= 5 * deviation + 1 / n_draws).all()


# Who is visited


@pytest.mark.parametrize("beta", [0.2, 1, 2, 5.5])
def test_a_row_is_visited_with_the_probability_of_its_rank(beta, visit):
    policy, error = SelectiveBackprop(beta=beta), distinct_errors(40)
    chosen = draws(policy, visit(policy.start(40), error), 1000)
    assert_probabilities(chosen, ((error.double() + 0.5) / 40) ** beta)


def test_rows_are_chosen_one_by_one(visit):
    policy, error = SelectiveBackprop(), distinct_errors(40)
    counts = draws(policy, visit(policy.start(40), error), 1000).sum(1).double()
    p = (torch.arange(40) + 0.5) / 40
    # The variance of an estimated variance is about 2 / 1000 of its square.
    assert float(counts.var() / (p * (1 - p)).sum()) == pytest.approx(1, abs=0.22)


@pytest.mark.parametrize(
    "error",
    [
        distinct_errors(20_000),
        torch.full((20_000,), 0.1),
        torch.cat([torch.zeros(16_000), torch.rand(4000)]),
        torch.arange(20_000.0).clamp(max=4000),
    ],
    ids=["distinct", "equal", "many lowest", "many highest"],
)
@pytest.mark.parametrize("beta", [0.5, 1, 4])
def test_the_share_visited_is_that_of_beta_however_many_are_equal(beta, error, visit):
    policy = SelectiveBackprop(beta=beta)
    report = visit(policy.start(20_000), error)
    n_visited = len(policy.update(policy.start(20_000), report, generator=Generator()).index)
    # The standard deviation is 0.0035 at most.
    assert n_visited / 20_000 == pytest.approx(1 / (1 + beta), abs=0.014)


@pytest.mark.parametrize("beta", [1, 3])
def test_rows_of_equal_error_have_the_same_chance(beta, visit):
    policy, error = SelectiveBackprop(beta=beta), torch.tensor([2.0, 1.0] * 10 + [0.0] * 10)
    chosen = draws(policy, visit(policy.start(30), error), 1000)
    p = ((torch.arange(30).double() + 0.5) / 30) ** beta
    of_error = torch.stack([p[:10].mean(), p[10:20].mean(), p[20:].mean()])
    assert_probabilities(chosen, of_error[error.long()])


def test_only_the_order_of_the_errors_counts(visit):
    policy, error = SelectiveBackprop(beta=2), distinct_errors(100)
    one, other = (
        policy.update(policy.start(100), visit(policy.start(100), e), generator=Generator())
        for e in (error, (error / 10).exp())
    )
    assert torch.equal(one.index, other.index)


def test_rows_not_visited_are_ranked_by_their_last_error(visit):
    policy = SelectiveBackprop(beta=2)
    error, active = distinct_errors(20), ActiveSet(torch.arange(0, 20, 3))
    chosen = draws(policy, visit(active, error), 1000)
    assert_probabilities(chosen, ((error.double() + 0.5) / 20) ** 2)


def test_choices_of_epochs_and_of_seeds_differ(run):
    error = distinct_errors(100)
    first, again, other = (
        [active.index.tolist() for active in run(SelectiveBackprop(), error, 3, seed=seed)]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first[1] != first[2]
    assert all(one != two for one, two in zip(first[1:], other[1:], strict=True))


@pytest.mark.parametrize("n_samples", [1, 2, 50])
def test_the_row_of_highest_error_is_visited_if_no_other_is(n_samples, visit):
    policy, error = SelectiveBackprop(beta=1e6), distinct_errors(n_samples)
    report = visit(policy.start(n_samples), error)
    answer = policy.update(policy.start(n_samples), report, generator=Generator())
    assert answer.index.tolist() == [int(error.argmax())]


def test_rows_come_without_weights_or_threshold(visit):
    policy = SelectiveBackprop()
    active = ActiveSet(torch.arange(50), torch.ones(50), threshold=1.0)
    answer = policy.update(active, visit(active, distinct_errors(50)), generator=Generator())
    assert len(answer.index) < 50
    assert answer.weight is None
    assert answer.threshold is None
    assert not policy.is_weighted


# Refreshes


@pytest.mark.parametrize(
    ("refresh", "full"),
    [(1, [*range(2, 14)]), (2, [3, 5, 7, 9, 11, 13]), (3, [4, 7, 10, 13]), (5, [6, 11]), (13, [])],
)
def test_every_epoch_of_that_number_visits_all_rows(refresh, full, visit):
    policy = SelectiveBackprop(refresh=refresh)
    active = ActiveSet(torch.arange(5, 50), torch.ones(45), threshold=1.0)
    report = visit(active, distinct_errors(50))
    answers = {
        number + 1: policy.update(active, replace(report, epoch=number), generator=Generator())
        for number in range(1, 13)
    }
    assert [number for number, answer in answers.items() if len(answer.index) == 50] == full
    for number in full:
        assert torch.equal(answers[number].index, torch.arange(50))
        assert answers[number].weight is None
        assert answers[number].threshold is None


# Errors that are not known, or not finite


def test_rows_that_were_never_visited_are_visited(visit):
    policy = SelectiveBackprop(beta=2)
    error = distinct_errors(40)
    report = visit(policy.start(40), error, n_visited=30)
    known = torch.isin(torch.arange(40), report.index)
    report.last_error[~known] = torch.nan
    chosen = draws(policy, report, 1000)
    assert chosen[:, ~known].all()
    rank = report.last_error[known].argsort().argsort()  # among the known ones only
    assert_probabilities(chosen[:, known], ((rank.double() + 0.5) / 30) ** 2)


def test_if_some_rows_were_never_visited_they_may_be_all(visit):
    policy = SelectiveBackprop(beta=1e6)
    report = visit(policy.start(10), distinct_errors(10))
    report = replace(report, index=report.index[:8], error=report.error[:8])
    report.last_error[[2, 5]] = torch.nan
    assert policy.update(policy.start(10), report, generator=Generator()).index.tolist() == [2, 5]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_errors_of_visited_rows_must_be_finite(bad, visit):
    policy, error = SelectiveBackprop(), torch.arange(10.0)
    error[7] = bad
    with pytest.raises(ValueError, match=r"must be finite.* Got 1 of 10 that are"):
        policy.update(policy.start(10), visit(policy.start(10), error), generator=Generator())


@pytest.mark.parametrize("bad", [torch.inf, -torch.inf])
def test_errors_of_rows_not_visited_must_be_finite(bad, visit):
    error, active = torch.arange(10.0), ActiveSet(torch.arange(5))
    error[7] = bad
    with pytest.raises(ValueError, match=r"must be finite.* Got 1 of 10 that are"):
        SelectiveBackprop().update(active, visit(active, error), generator=Generator())


# Parameters


@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        ("beta", [0, -1.5, float("nan"), float("inf")], ValueError),
        ("beta", [True, "1", None, [1.0]], TypeError),
        ("refresh", [0, -3], ValueError),
        ("refresh", [True, 2.0, "3", None], TypeError),
    ],
)
def test_errors_name_the_parameter_the_value_and_what_is_allowed(name, values, error):
    allowed = {
        "beta": "a number in the range (0, inf)",
        "refresh": "an int in the range [1, inf)",
    }[name]
    for value in values:
        with pytest.raises(error) as caught:
            SelectiveBackprop(**{name: value})
        message = f"The '{name}' parameter of SelectiveBackprop must be {allowed}. "
        assert str(caught.value) == message + f"Got {value!r} instead."


def test_numbers_of_numpy_are_numbers(visit):
    error = distinct_errors(60)
    one, other = (
        policy.update(policy.start(60), visit(policy.start(60), error), generator=Generator())
        for policy in (
            SelectiveBackprop(beta=np.float32(0.25), refresh=np.int64(4)),
            SelectiveBackprop(beta=0.25, refresh=4),
        )
    )
    assert torch.equal(one.index, other.index)
    assert len(one.index) < 60
