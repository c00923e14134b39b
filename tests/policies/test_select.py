"""Order statistics, masks and thresholds, against a few lines of plain Python."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from sk_sdlr.policies._select import (
    block_size,
    check_finite,
    drop_by_batch,
    drop_lowest,
    order_statistic,
    rows_of,
    rows_where,
    smooth,
)

PROPERTY = settings(deadline=None, derandomize=True, max_examples=100)
masks = hnp.arrays(bool, st.integers(0, 40))
errors_with_ties = st.lists(
    st.integers(0, 3).map(float) | st.floats(0, 9, width=32, allow_subnormal=False),
    min_size=1,
    max_size=40,
)
dtypes = st.sampled_from([torch.float32, torch.float64])


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


@pytest.mark.parametrize("value", [0.0, -1.0, 3e38])
def test_finite_errors_pass_though_their_sum_may_not_be(value):
    check_finite(torch.tensor([value, value, 1.0]))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_errors_that_are_not_finite_are_counted(value):
    message = "^Per-sample errors must be finite to be ranked. "
    message += "Got 2 of 5 that are NaN or infinite instead.$"
    with pytest.raises(ValueError, match=message):
        check_finite(torch.tensor([1.0, value, 0.0, value, 2.0]))


@PROPERTY
@given(
    errors=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(max_dims=2, max_side=20),
        elements=st.integers(0, 9) | st.floats(0, 9, width=32),
    ),
    data=st.data(),
)
def test_order_statistic_is_that_of_torch(errors, data):
    errors = torch.from_numpy(errors)
    rank = data.draw(st.integers(0, errors.shape[-1] - 1))
    before = errors.clone()
    found = order_statistic(errors, rank)
    assert torch.equal(found, errors.kthvalue(rank + 1, dim=-1).values)
    assert found.dtype == errors.dtype
    assert torch.equal(errors, before)


@PROPERTY
@given(mask=masks)
def test_rows_are_those_of_torch(mask):
    mask = torch.from_numpy(mask)
    index = torch.arange(len(mask)).flip(0)
    assert rows_of(index, mask).equal(index[mask])
    found = rows_where(mask)
    assert found.equal(mask.nonzero().squeeze(1))
    assert found.dtype == torch.int64


@PROPERTY
@given(errors_with_ties, dtypes, st.sampled_from([0.1, 0.29, 0.5, 0.9]))
def test_the_rows_of_lowest_error_leave_as_by_sorting(error, dtype, s):
    n_dropped = max(1, int(s * len(error)))
    index = 2 * torch.arange(len(error)) + 1
    kept, threshold = drop_lowest(index, torch.tensor(error, dtype=dtype), n_dropped)
    by_error = sorted(range(len(error)), key=lambda row: (error[row], row))
    assert kept.tolist() == sorted(2 * row + 1 for row in by_error[n_dropped:])
    assert threshold == torch.tensor(error[by_error[n_dropped - 1]], dtype=dtype)


@pytest.mark.parametrize(
    ("batch_size", "s", "rows"),
    [(100, 0.2, 100), (1, 0.5, 2), (1, 0.2, 5), (2, 0.2, 6), (3, 0.05, 21), (10, 0.1, 10)],
)
def test_batches_are_taken_together_until_s_makes_a_row(batch_size, s, rows):
    assert block_size(batch_size, s) == rows


@pytest.mark.parametrize("batch_size", [1, 7, 49, 100])
@pytest.mark.parametrize("s", [1 / 3, 0.1, 1 / 49, 1 / 98, 1 / 161])
def test_a_block_loses_a_row_however_s_is_rounded(s, batch_size):
    size = block_size(batch_size, s)
    assert size % batch_size == 0
    assert int(s * size) >= 1


def test_thresholds_are_smoothed_as_in_this_example():
    rows = torch.tensor([4, 2, 0, 5, 1, 3])
    error = torch.tensor([1.0, 3.0, 5.0, 9.0, 0.0, 2.0])
    params = {"batch_size": 2, "s": 0.5, "alpha": 0.5}
    # t = 3, 9, 2, and so t' = 3, 6, 4.
    kept, threshold = drop_by_batch(torch.arange(6), rows, error, 6, **params)
    assert (kept.tolist(), threshold) == ([2, 5], pytest.approx((3 + 6 + 4) / 3))
    # t' = 3, 3.5, 3.5: of the rows over 3.5 none may leave.
    kept, threshold = drop_by_batch(torch.arange(6), rows, error, 6, **params, at_most=3.5)
    assert (kept.tolist(), threshold) == ([0, 2, 5], pytest.approx((3 + 3.5 + 3.5) / 3))


@PROPERTY
@given(
    error=errors_with_ties,
    dtype=dtypes,
    batch_size=st.integers(1, 45),
    s=st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5, 0.9]),
    alpha=st.sampled_from([0, 0.25, 0.5, 0.6, 0.99]),
    n_not_visited=st.integers(0, 10),
    at_most=st.sampled_from([1.0, torch.inf]),
)
def test_visited_rows_under_the_threshold_of_their_batch_leave(
    error, dtype, batch_size, s, alpha, n_not_visited, at_most
):
    n = len(error) + n_not_visited
    visited = torch.randperm(n, generator=Generator().manual_seed(0))[: len(error)]
    error = torch.tensor(error, dtype=dtype)
    params = {"batch_size": batch_size, "s": s, "alpha": alpha, "at_most": at_most}
    kept = drop_by_batch(torch.arange(n), visited, error, n, **params)[0].tolist()
    assert kept == sorted(kept)
    assert set(range(n)) - set(visited.tolist()) <= set(kept)
    thresholds = [min(t, at_most) for t in eq_9(error.tolist(), batch_size, s, alpha)]
    for row, e, threshold in zip(visited.tolist(), error.tolist(), thresholds, strict=True):
        # Smoothed thresholds are rounded; who is that close to one may stay or leave.
        if alpha == 0 or abs(e - threshold) > 1e-6 * threshold:
            assert (row in kept) == (e >= threshold)


@pytest.mark.parametrize("alpha", [0, 0.25, 0.5, 0.99, 0.999])
def test_smoothing_of_many_batches_is_that_of_the_loop(alpha):
    thresholds = torch.rand(1000, generator=Generator().manual_seed(0)).tolist()
    expected = thresholds[:1]
    for t_i in thresholds[1:]:
        expected.append(alpha * expected[-1] + (1 - alpha) * t_i)
    assert smooth(thresholds, alpha) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.6, 0.99])
@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3])
def test_equal_thresholds_stay_equal_to_the_last_bit(value, alpha):
    assert smooth([value] * 100, alpha) == [value] * 100
