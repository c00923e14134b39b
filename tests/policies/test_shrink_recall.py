import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from sk_sdlr.policies import ActiveSet, EpochErrors, FullData, ShrinkRecall
from sk_sdlr.policies._shrink_recall import smooth

PROPERTY = settings(deadline=None, derandomize=True, max_examples=200)
DTYPES = [torch.float32, torch.float64]
by_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
errors_with_ties = st.lists(
    st.integers(0, 3).map(float) | st.floats(0, 9, width=32, allow_subnormal=False),
    min_size=1,
    max_size=40,
)


def sizes_of(active_sets):
    return [len(active.index) for active in active_sets]


def distinct_errors(n, seed=0, dtype=torch.float32):
    return torch.randperm(n, generator=Generator().manual_seed(seed)).to(dtype)


def sorted_without_lowest(rows, error, n_dropped):
    """Line 10 of Algorithms 2 and 3, by sorting; equal errors by row number."""
    return sorted(sorted(rows, key=lambda row: (error[row], row))[n_dropped:])


def eq_9(errors, batch_size, s, alpha):
    """The threshold of each row, in visiting order: a plain loop after the text of Eq. 9."""
    size = batch_size
    while int(s * size) < 1:
        size += batch_size
    thresholds = []
    for first in range(0, len(errors), size):
        batch = errors[first : first + size]
        # The int(s * len(batch)) smallest errors of the batch lie under t_i.
        t_i = sorted(batch)[int(s * len(batch))]
        smoothed = alpha * thresholds[-1] + (1 - alpha) * t_i if thresholds else t_i
        thresholds += [smoothed] * len(batch)
    return thresholds


# Algorithms 2 and 3: sizes


def test_sizes_are_those_of_algorithm_3(run):
    policy = ShrinkRecall(s=0.2, t=0.2, alpha=None)
    sizes = sizes_of(run(policy, distinct_errors(60_000), 100))
    cycle = [60_000, 48_000, 38_400, 30_720, 24_576, 19_661, 15_729, 12_584, 10_068]
    assert sizes == (cycle * 12)[:100]
    assert round(100 * 60_000 / sum(sizes), 3) == 2.057


def test_without_recall_it_stops_at_the_first_size_under_t_and_stays(run):
    policy = ShrinkRecall(s=0.2, t=0.2, alpha=None, recall=False)
    active = run(policy, distinct_errors(60_000), 15)
    assert sizes_of(active)[6:] == [15_729, 12_584] + [10_068] * 7
    assert all(torch.equal(later.index, active[8].index) for later in active[9:])


@pytest.mark.parametrize(
    ("t", "sizes"),
    [
        (101, [100, 100, 100, 100]),
        (100, [100, 50, 100, 50]),
        (51, [100, 50, 100, 50]),
        (50, [100, 50, 25, 100]),
        (1.0, [100, 50, 100, 50]),
    ],
)
@pytest.mark.parametrize("alpha", [None, 0.0])
def test_it_tests_the_size_first_and_then_drops(t, sizes, alpha, run):
    policy = ShrinkRecall(s=0.5, t=t, alpha=alpha)
    assert sizes_of(run(policy, distinct_errors(100), 4, batch_size=50)) == sizes


@pytest.mark.parametrize("alpha", [None, 0.5])
def test_t_as_count_and_as_share_agree(alpha, run):
    error = distinct_errors(1000)
    count, share = (run(ShrinkRecall(t=t, alpha=alpha), error, 20) for t in (300, 0.3))
    assert len(set(sizes_of(count))) > 3
    assert all(torch.equal(a.index, b.index) for a, b in zip(count, share, strict=True))


@pytest.mark.parametrize("alpha", [None, 0.5])
@pytest.mark.parametrize("recall", [True, False])
@pytest.mark.parametrize("t", [0.2, "auto"])
def test_without_elimination_it_is_full_data(t, alpha, recall, run):
    error = distinct_errors(50)
    policy = ShrinkRecall(s=0, t=t, alpha=alpha, recall=recall)
    for one, other in zip(run(policy, error, 4), run(FullData(), error, 4), strict=True):
        assert torch.equal(one.index, other.index)


def test_a_set_too_small_to_shrink_is_recalled(run):
    policy = ShrinkRecall(s=0.2, t=1, alpha=None)
    assert sizes_of(run(policy, distinct_errors(10), 9)) == [10, 8, 7, 6, 5, 4, 10, 8, 7]


def test_a_set_too_small_to_shrink_stays_without_recall(run):
    policy = ShrinkRecall(s=0.2, t=1, alpha=None, recall=False)
    assert sizes_of(run(policy, distinct_errors(10), 9)) == [10, 8, 7, 6, 5, 4, 4, 4, 4]


@by_dtype
@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3])
def test_a_set_of_equal_errors_has_none_under_the_threshold_and_is_recalled(
    value, alpha, dtype, visit
):
    policy = ShrinkRecall(t=1, alpha=alpha)
    active = ActiveSet(torch.arange(100, 900))
    epoch = visit(active, torch.full((1000,), value, dtype=dtype), batch_size=10)
    answer = policy.update(active, epoch, generator=Generator())
    assert torch.equal(answer.index, torch.arange(1000))
    assert answer.threshold is None


# Algorithms 2 and 3: rows


@PROPERTY
@given(
    errors_with_ties,
    st.sampled_from(DTYPES),
    st.sampled_from([0.1, 0.2, 0.29, 0.5, 0.9]),
    st.sets(st.integers(0, 39)),
    st.integers(0, 9),
)
def test_rows_dropped_are_those_of_sorting(visit, error, dtype, s, rows, seed):
    rows = sorted(rows & set(range(len(error)))) or list(range(len(error)))
    active = ActiveSet(torch.tensor(rows))
    epoch = visit(active, torch.tensor(error, dtype=dtype), seed=seed)
    policy = ShrinkRecall(s=s, t=1, alpha=None, recall=False)
    answer = policy.update(active, epoch, generator=Generator())
    assert answer.index.tolist() == sorted_without_lowest(rows, error, int(s * len(rows)))


def test_among_equal_errors_the_lower_row_numbers_go(visit):
    active = ActiveSet(torch.tensor([1, 2, 3, 5, 8, 9]))
    epoch = visit(active, torch.tensor([7, 1, 1, 0, 7, 1, 7, 7, 1, 2.0]))
    policy = ShrinkRecall(s=0.5, t=1, alpha=None)
    assert policy.update(active, epoch, generator=Generator()).index.tolist() == [5, 8, 9]


def test_threshold_is_the_highest_error_that_left(visit):
    active = ActiveSet(torch.arange(4))
    epoch = visit(active, torch.tensor([4.0, 1.0, 3.0, 2.0]))
    answer = ShrinkRecall(s=0.5, t=1, alpha=None).update(active, epoch, generator=Generator())
    assert answer.threshold == 2.0


def test_all_rows_come_back_without_threshold_or_weight(visit):
    active = ActiveSet(torch.arange(4), torch.ones(4), threshold=1.0)
    epoch = visit(active, torch.rand(40))
    answer = ShrinkRecall(t=0.2, alpha=None).update(active, epoch, generator=Generator())
    assert torch.equal(answer.index, torch.arange(40))
    assert answer.weight is None
    assert answer.threshold is None


@pytest.mark.parametrize("alpha", [None, 0.5])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_errors_that_are_not_finite_are_refused(bad, alpha, visit):
    policy = ShrinkRecall(t=0.2, alpha=alpha)
    active = policy.start(10)
    error = torch.arange(10.0)
    error[7] = bad
    with pytest.raises(ValueError, match=r"must be finite.*: 1 of 10 are NaN or infinite"):
        policy.update(active, visit(active, error), generator=Generator())


# Eq. 9


def test_thresholds_are_smoothed_as_in_this_example():
    error = torch.tensor([1.0, 3.0, 5.0, 9.0, 0.0, 2.0])
    rows = torch.tensor([4, 2, 0, 5, 1, 3])
    last_error = torch.empty(6).index_copy_(0, rows, error)
    epoch = EpochErrors(rows, error, 2, 1, 0.1, last_error)
    policy = ShrinkRecall(s=0.5, t=1, alpha=0.5)
    answer = policy.update(policy.start(6), epoch, generator=Generator())
    # t = 3, 9, 2, and so t' = 3, 6, 4.
    assert answer.index.tolist() == [2, 5]
    assert answer.threshold == pytest.approx((3 + 6 + 4) / 3)


@PROPERTY
@given(
    error=errors_with_ties,
    dtype=st.sampled_from(DTYPES),
    batch_size=st.integers(1, 45),
    s=st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5, 0.9]),
    alpha=st.sampled_from([0, 0.25, 0.5, 0.6, 0.99]),
    n_visited=st.integers(1, 40),
    seed=st.integers(0, 9),
)
def test_visited_rows_under_the_threshold_of_their_batch_leave(
    visit, error, dtype, batch_size, s, alpha, n_visited, seed
):
    policy = ShrinkRecall(s=s, t=1, alpha=alpha, recall=False)
    active = policy.start(len(error))
    epoch = visit(
        active,
        torch.tensor(error, dtype=dtype),
        batch_size=batch_size,
        n_visited=n_visited,
        seed=seed,
    )
    kept = set(policy.update(active, epoch, generator=Generator()).index.tolist())
    shrinks = int(s * len(error)) > 0
    thresholds = eq_9(epoch.error.tolist(), batch_size, s, alpha)
    for row, e, threshold in zip(
        epoch.index.tolist(), epoch.error.tolist(), thresholds, strict=True
    ):
        # Smoothed thresholds are rounded; who is that close to one may stay or leave.
        if alpha == 0 or abs(e - threshold) > 1e-6 * threshold:
            assert (row in kept) == (e >= threshold or not shrinks)


@by_dtype
@pytest.mark.parametrize("alpha", [0, 0.25, 0.5, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("n_batches", [1, 2, 3, 64, 1000])
def test_smoothing_of_many_batches_is_that_of_the_loop(n_batches, alpha, dtype):
    thresholds = torch.rand(n_batches, dtype=dtype, generator=Generator().manual_seed(0))
    expected = [float(thresholds[0])]
    for t_i in thresholds[1:].tolist():
        expected.append(alpha * expected[-1] + (1 - alpha) * t_i)
    smoothed = torch.tensor(smooth(thresholds.tolist(), alpha), dtype=dtype)
    rtol = 1e-6 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(smoothed, torch.tensor(expected, dtype=dtype), rtol=rtol, atol=0)


@by_dtype
@pytest.mark.parametrize("s", [0.1, 0.2, 0.29, 0.5, 0.99])
@pytest.mark.parametrize(
    ("n_samples", "batch_size"), [(1000, 100), (1037, 100), (60, 100), (101, 10), (1001, 500)]
)
def test_without_smoothing_each_batch_loses_its_share(n_samples, batch_size, s, dtype, visit):
    policy = ShrinkRecall(s=s, t=1, alpha=0)
    active = policy.start(n_samples)
    epoch = visit(active, distinct_errors(n_samples, dtype=dtype), batch_size=batch_size)
    kept = torch.isin(epoch.index, policy.update(active, epoch, generator=Generator()).index)
    for batch in kept.split(batch_size):
        assert len(batch) - int(batch.sum()) == int(s * len(batch))


@pytest.mark.parametrize(
    ("batch_size", "s", "together"), [(1, 0.5, 2), (1, 0.2, 5), (2, 0.2, 6), (3, 0.05, 21)]
)
def test_small_batches_are_taken_together_until_s_makes_a_row(batch_size, s, together, visit):
    policy = ShrinkRecall(s=s, t=1, alpha=0)
    active = policy.start(10 * together)
    epoch = visit(active, distinct_errors(10 * together), batch_size=batch_size)
    kept = torch.isin(epoch.index, policy.update(active, epoch, generator=Generator()).index)
    assert [int((~block).sum()) for block in kept.split(together)] == [1] * 10


@pytest.mark.parametrize("batch_size", [1, 7, 49, 100])
@pytest.mark.parametrize("s", [1 / 3, 0.1, 1 / 49, 1 / 98, 1 / 161])
def test_some_rows_leave_however_s_is_rounded(s, batch_size, visit):
    policy = ShrinkRecall(s=s, t=1, alpha=0)
    active = policy.start(1000)
    epoch = visit(active, distinct_errors(1000), batch_size=batch_size)
    n_left = 1000 - len(policy.update(active, epoch, generator=Generator()).index)
    assert 0 < n_left <= s * 1000


# Epochs cut short


@pytest.mark.parametrize("alpha", [0, 0.5, 0.99])
def test_rows_that_an_epoch_cut_short_did_not_visit_stay(alpha, visit):
    policy = ShrinkRecall(t=1, alpha=alpha)
    active = policy.start(100)
    epoch = visit(active, distinct_errors(100), batch_size=10, n_visited=37)
    answer = policy.update(active, epoch, generator=Generator())
    not_visited = set(range(100)) - set(epoch.index.tolist())
    assert not_visited <= set(answer.index.tolist())


def test_rows_that_an_epoch_cut_short_did_not_visit_are_ranked_by_their_last_error(visit):
    policy = ShrinkRecall(t=0.2, alpha=None)
    active = policy.start(100)
    error = distinct_errors(100)
    epoch = visit(active, error, n_visited=37)
    answer = policy.update(active, epoch, generator=Generator())
    assert answer.index.tolist() == sorted_without_lowest(range(100), error.tolist(), 20)


def test_rows_whose_error_is_not_known_yet_are_not_ranked(visit):
    policy = ShrinkRecall(t=0.2, alpha=None)
    active = policy.start(100)
    epoch = visit(active, distinct_errors(100), n_visited=37)
    seen = torch.isin(torch.arange(100), epoch.index)
    epoch.last_error[~seen] = torch.nan
    with pytest.raises(ValueError, match="must be finite"):
        policy.update(active, epoch, generator=Generator())


# Parameters


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        *(("s", value, ValueError) for value in (1, -0.1, 1.5, float("nan"))),
        *(("s", value, TypeError) for value in (True, "0.2", None)),
        *(("t", value, ValueError) for value in (0, -3, 0.0, 1.5, float("nan"), float("inf"))),
        *(("t", value, TypeError) for value in (True, None, [0.2], "Auto")),
        *(("alpha", value, ValueError) for value in (1.0, -0.5, float("nan"))),
        *(("alpha", value, TypeError) for value in (False, "0.5")),
        *(("recall", value, TypeError) for value in (1, None, "yes")),
    ],
)
def test_errors_name_the_parameter_the_value_and_what_is_allowed(name, value, error):
    allowed = {
        "s": "a number in [0, 1)",
        "t": "'auto', a count of rows (int, at least 1) or a share of them (float, in (0, 1])",
        "alpha": "None or a number in [0, 1)",
        "recall": "True or False",
    }[name]
    message = f"{name} must be {allowed}, however: {name}={value!r}."
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        ShrinkRecall(**{name: value})


def test_numbers_of_numpy_are_numbers(run):
    error = distinct_errors(100)
    policy = ShrinkRecall(s=np.float32(0.25), t=np.int64(20), alpha=np.float64(0.5))
    expected = run(ShrinkRecall(s=0.25, t=20, alpha=0.5), error, 12, batch_size=20)
    assert sizes_of(run(policy, error, 12, batch_size=20)) == sizes_of(expected)
    assert len(set(sizes_of(expected))) > 3
