"""Algorithms 2 and 3 and Eq. 9 of the paper."""

import numpy as np
import pytest
import torch
from torch import Generator

from sk_sdlr.policies import ActiveSet, FullData, ShrinkRecall

by_alpha = pytest.mark.parametrize("alpha", [None, 0.5], ids="alpha={}".format)
CYCLE = [60_000, 48_000, 38_400, 30_720, 24_576, 19_661, 15_729, 12_584, 10_068]


def sizes_of(active_sets):
    return [len(active.index) for active in active_sets]


def distinct_errors(n, dtype=torch.float32):
    return torch.randperm(n, generator=Generator().manual_seed(0)).to(dtype)


def update(policy, active, report):
    return policy.update(active, report, generator=Generator())


# Sizes


def test_sizes_are_those_of_algorithm_3(run):
    sizes = sizes_of(run(ShrinkRecall(alpha=None), distinct_errors(60_000), 100))
    assert sizes == (CYCLE * 12)[:100]
    assert round(100 * 60_000 / sum(sizes), 3) == 2.057


def test_without_recall_it_stops_at_the_first_size_under_t_and_stays(run):
    active = run(ShrinkRecall(alpha=None, recall=False), distinct_errors(60_000), 15)
    assert sizes_of(active) == CYCLE + [CYCLE[-1]] * 6
    assert all(torch.equal(later.index, active[8].index) for later in active[9:])


@pytest.mark.parametrize(
    ("t", "sizes"),
    [
        (101, [100, 100, 100, 100]),
        (100, [100, 50, 100, 50]),
        (51, [100, 50, 100, 50]),
        (50, [100, 50, 25, 100]),
        (1.0, [100, 50, 100, 50]),
        (0.5, [100, 50, 25, 100]),
    ],
)
@pytest.mark.parametrize("alpha", [None, 0.0])
def test_it_tests_the_size_first_and_then_drops(t, sizes, alpha, run):
    policy = ShrinkRecall(s=0.5, t=t, alpha=alpha)
    assert sizes_of(run(policy, distinct_errors(100), 4, batch_size=50)) == sizes


@by_alpha
@pytest.mark.parametrize("recall", [True, False])
def test_without_elimination_it_is_full_data(alpha, recall, run):
    policy, error = ShrinkRecall(s=0, alpha=alpha, recall=recall), distinct_errors(50)
    assert sizes_of(run(policy, error, 4)) == sizes_of(run(FullData(), error, 4))


@pytest.mark.parametrize(("recall", "then"), [(True, [10, 8, 7]), (False, [4, 4, 4])])
def test_a_set_too_small_to_lose_a_row_is_recalled_if_it_may_be(recall, then, run):
    policy = ShrinkRecall(s=0.2, t=1, alpha=None, recall=recall)
    assert sizes_of(run(policy, distinct_errors(10), 9)) == [10, 8, 7, 6, 5, 4, *then]


@pytest.mark.parametrize("alpha", [0.0, 0.6, 0.99])
def test_a_set_of_equal_errors_has_none_under_a_threshold_and_is_recalled(alpha, visit):
    active = ActiveSet(torch.arange(100, 900))
    report = visit(active, torch.full((1000,), 0.1), batch_size=10)
    assert len(update(ShrinkRecall(t=1, alpha=alpha), active, report).index) == 1000


@pytest.mark.parametrize("s", [0.1, 0.29, 0.99])
@pytest.mark.parametrize(("n", "batch_size"), [(1000, 100), (1037, 100), (60, 100), (101, 10)])
def test_without_smoothing_each_batch_loses_its_share(n, batch_size, s, visit):
    policy = ShrinkRecall(s=s, t=1, alpha=0)
    active = policy.start(n)
    report = visit(active, distinct_errors(n), batch_size=batch_size)
    kept = torch.isin(report.index, update(policy, active, report).index)
    for batch in kept.split(batch_size):
        assert len(batch) - int(batch.sum()) == int(s * len(batch))


# Rows


def test_among_equal_errors_the_lower_row_numbers_go(visit):
    active = ActiveSet(torch.tensor([1, 2, 3, 5, 8, 9]))
    report = visit(active, torch.tensor([7, 1, 1, 0, 7, 1, 7, 7, 1, 2.0]))
    answer = update(ShrinkRecall(s=0.5, t=1, alpha=None), active, report)
    assert (answer.index.tolist(), answer.threshold) == ([5, 8, 9], 1.0)


def test_rows_under_the_smoothed_threshold_of_their_batch_go(visit):
    active = ActiveSet(torch.arange(6))
    report = visit(active, torch.tensor([3.0, 1.0, 9.0, 5.0, 2.0, 0.0]), batch_size=2)
    batches = report.error.view(3, 2)
    first, second, third = batches.amax(1).tolist()
    second = (first + second) / 2
    third = (second + third) / 2
    thresholds = torch.tensor([first, second, third])
    kept = report.index[(batches >= thresholds[:, None]).flatten()]
    answer = update(ShrinkRecall(s=0.5, t=1, alpha=0.5), active, report)
    assert answer.index.tolist() == sorted(kept.tolist())
    assert answer.threshold == pytest.approx(float(thresholds.mean()))


def test_all_rows_come_back_without_threshold_or_weight(visit):
    active = ActiveSet(torch.arange(4), torch.ones(4), threshold=1.0)
    answer = update(ShrinkRecall(), active, visit(active, torch.rand(40)))
    assert torch.equal(answer.index, torch.arange(40))
    assert (answer.weight, answer.threshold) == (None, None)


# Epochs cut short


@pytest.mark.parametrize("alpha", [0, 0.99])
def test_rows_that_were_not_visited_stay(alpha, visit):
    policy = ShrinkRecall(t=1, alpha=alpha)
    report = visit(policy.start(100), distinct_errors(100), batch_size=10, n_visited=37)
    kept = set(update(policy, policy.start(100), report).index.tolist())
    assert set(range(100)) - set(report.index.tolist()) <= kept < set(range(100))


def test_rows_that_were_not_visited_are_ranked_by_their_last_error(visit):
    policy, error = ShrinkRecall(alpha=None), distinct_errors(100)
    report = visit(policy.start(100), error, n_visited=37)
    answer = update(policy, policy.start(100), report)
    assert answer.index.tolist() == sorted(error.argsort()[20:].tolist())
    report.last_error[int(answer.index[0])] = torch.nan  # not known yet
    with pytest.raises(ValueError, match="must be finite"):
        update(policy, policy.start(100), report)


# Parameters


@by_alpha
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_errors_that_are_not_finite_are_refused(bad, alpha, visit):
    policy, error = ShrinkRecall(alpha=alpha), torch.arange(10.0)
    error[7] = bad
    with pytest.raises(ValueError, match=r"must be finite.* Got 1 of 10 that are"):
        update(policy, policy.start(10), visit(policy.start(10), error))


COUNT_OR_SHARE = "an int in the range [1, inf) or a float in the range (0, 1]"


@pytest.mark.parametrize(
    ("name", "values", "error", "allowed"),
    [
        ("s", [1, -0.1, float("nan")], ValueError, "a number in the range [0, 1)"),
        ("s", [True, "0.2", None], TypeError, "a number in the range [0, 1)"),
        ("t", [0, -3, 0.0, 1.5, float("nan"), float("inf")], ValueError, COUNT_OR_SHARE),
        ("t", [True, None, [0.2]], TypeError, COUNT_OR_SHARE),
        ("t", ["auto"], TypeError, f"{COUNT_OR_SHARE}; AutoRecall is the policy that needs none"),
        ("alpha", [1.0, -0.5], ValueError, "None or a number in the range [0, 1)"),
        ("alpha", [False, "0.5"], TypeError, "None or a number in the range [0, 1)"),
        ("recall", [1, None, "yes"], TypeError, "an instance of 'bool'"),
    ],
)
def test_errors_name_the_parameter_the_value_and_what_is_allowed(name, values, error, allowed):
    for value in values:
        with pytest.raises(error) as caught:
            ShrinkRecall(**{name: value})
        message = (
            f"The '{name}' parameter of ShrinkRecall must be {allowed}. Got {value!r} instead."
        )
        assert str(caught.value) == message


def test_numbers_of_numpy_are_numbers(run):
    policy = ShrinkRecall(s=np.float32(0.25), t=np.int64(20), alpha=np.float64(0.5))
    error = distinct_errors(100)
    expected = sizes_of(run(ShrinkRecall(s=0.25, t=20), error, 12, batch_size=20))
    assert sizes_of(run(policy, error, 12, batch_size=20)) == expected
    assert len(set(expected)) > 3
