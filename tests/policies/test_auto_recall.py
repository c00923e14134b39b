"""ShrinkRecall(t="auto"): it shrinks while there are easy rows and holds while there are few."""

from dataclasses import replace

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from sk_sdlr.policies import ActiveSet, EpochErrors, OutputErrors, ShrinkRecall
from sk_sdlr.policies._auto_recall import BAR, EASY_SHARE, HOLD, LEAST_SHARE, BarredSet, begin

PROPERTY = settings(deadline=None, derandomize=True, max_examples=50)
by_alpha = pytest.mark.parametrize("alpha", [None, 0.0, 0.5], ids="alpha={}".format)
by_bound = pytest.mark.parametrize("is_bounded", [True, False], ids=["bounded", "unbounded"])
# Rows of a table are the errors of all samples in an epoch. Most are easy, and many are equal.
tables = hnp.arrays(
    st.sampled_from([np.float32, np.float64]),
    st.tuples(st.integers(1, 5), st.integers(1, 60)),
    elements=st.sampled_from([0.0, 2**-9, 2**-8, 2**-7, 1.0]) | st.floats(2**-10, 1, width=32),
    fill=st.floats(2**-10, 2**-6, width=32),
)
shares = st.sampled_from([0.05, 0.2, 0.29, 0.5, 0.9])


def bar_after(active, epoch):
    return begin(active, epoch).bar


def update(policy, active, epoch):
    return policy.update(active, epoch, generator=Generator())


def sizes_of(active_sets):
    return [len(active.index) for active in active_sets]


def clean(n, n_hard):
    """Errors of `n` rows, most of them learnt; the hard ones come last."""
    error = torch.linspace(0, 1e-3, n)
    error[n - n_hard :] = 1.0
    return error


# The rule


@by_bound
@by_alpha
@PROPERTY
@given(
    table=tables,
    s=shares,
    batch_size=st.integers(1, 12),
    n_visited=st.none() | st.integers(1, 60),
    recall=st.booleans(),
)
def test_a_step_drops_easy_rows_and_leaves_enough_or_else_none_is_made(
    visit, alpha, is_bounded, table, s, batch_size, n_visited, recall
):
    policy = ShrinkRecall(s=s, t="auto", alpha=alpha, recall=recall)
    n_samples = table.shape[1]
    active = policy.start(n_samples)
    for seed, error in enumerate(torch.from_numpy(table)):
        epoch = visit(
            active,
            error,
            batch_size=batch_size,
            n_visited=n_visited,
            seed=seed,
            is_bounded=is_bounded,
        )
        bar, rows = bar_after(active, epoch), set(active.index.tolist())
        answer = update(policy, active, epoch)
        kept = set(answer.index.tolist())
        dropped = sorted(rows - kept)
        n_dropped, n_easy = int(s * len(rows)), int((epoch.output.error < bar).sum())
        if dropped:
            assert kept < rows
            assert set(dropped) <= set(epoch.index.tolist())
            assert (error[dropped] < bar).all()
            assert len(kept) >= max(LEAST_SHARE * n_samples, batch_size)
            assert n_easy >= n_dropped > 0
            assert n_easy >= EASY_SHARE * len(rows)
        elif recall and kept != set(range(n_samples)):
            assert kept == rows
            assert n_dropped == 0 or n_easy < max(n_dropped, EASY_SHARE * len(rows))
        else:
            assert kept >= rows
            assert recall or kept == rows
        active = answer


@by_bound
@PROPERTY
@given(table=tables, s=shares, batch_size=st.integers(1, 12))
def test_without_smoothing_it_is_the_rule_by_sorting(visit, is_bounded, table, s, batch_size):
    policy = ShrinkRecall(s=s, t="auto", alpha=None)
    n_samples = table.shape[1]
    active = policy.start(n_samples)
    for error in torch.from_numpy(table):
        epoch = visit(active, error, batch_size=batch_size, is_bounded=is_bounded)
        bar, rows = bar_after(active, epoch), active.index.tolist()
        n_dropped = int(s * len(rows))
        lowest_first = sorted(rows, key=lambda row: (error[row], row))
        n_easy = int((error[rows] < bar).sum())
        easy = n_dropped and n_easy >= max(n_dropped, EASY_SHARE * len(rows))
        enough = len(rows) - n_dropped >= max(LEAST_SHARE * n_samples, batch_size)
        active = update(policy, active, epoch)
        expected = rows  # as short a run holds wherever it may
        if easy:
            expected = sorted(lowest_first[n_dropped:]) if enough else list(range(n_samples))
        assert active.index.tolist() == expected


def test_clean_data_are_shrunk_down_to_the_least_share(run):
    policy = ShrinkRecall(alpha=None)
    sizes = sizes_of(run(policy, clean(1000, 10), 21, batch_size=10))
    cycle = [1000]
    while cycle[-1] - int(0.2 * cycle[-1]) >= LEAST_SHARE * 1000:
        cycle.append(cycle[-1] - int(0.2 * cycle[-1]))
    assert sizes == (cycle * 2)[:21]
    assert len(cycle) < 21


@by_alpha
def test_no_fewer_rows_than_a_batch_are_left(alpha, run):
    policy = ShrinkRecall(s=0.5, alpha=alpha)
    sizes = sizes_of(run(policy, clean(1000, 10), 12, batch_size=200))
    assert min(sizes) >= 200
    assert sizes.count(1000) > 1


@by_alpha
@pytest.mark.parametrize("batch_size", [1, 5, 50])
def test_no_fewer_are_left_where_one_batch_is_hard_and_the_others_have_no_error(batch_size, alpha):
    rows, error = torch.arange(400), torch.zeros(400)
    error[:4] = 1.0
    epoch = EpochErrors(rows, error, batch_size, 1, 0.1, error, OutputErrors(error))
    answer = update(ShrinkRecall(alpha=alpha), ActiveSet(rows), epoch)
    assert len(answer.index) >= max(LEAST_SHARE * 400, batch_size)


@by_alpha
@pytest.mark.parametrize("share_wrong", [0.4, 0.3, 0.2])
@pytest.mark.parametrize("batch_size", [1, 10, 100])
def test_labels_at_odds_with_any_features_are_never_dropped(share_wrong, batch_size, alpha, run):
    """The best that can be learnt is the share of the labels; for two classes E = (1 - p_y)^2."""
    p = torch.full((200,), 1 - share_wrong)
    p[: int(200 * share_wrong)] = share_wrong
    active = run(ShrinkRecall(alpha=alpha), (1 - p).square(), 6, batch_size=batch_size)
    assert sizes_of(active) == [200] * 6


@by_alpha
@PROPERTY
@given(n_easy=st.integers(0, 19), seed=st.integers(0, 99))
def test_fewer_easy_rows_than_a_step_would_drop_are_all_rows_for_ever(run, alpha, n_easy, seed):
    error = BAR + (1 - BAR) * torch.rand(100, generator=Generator().manual_seed(seed))
    error[:n_easy] = 0
    active = run(ShrinkRecall(s=0.2, alpha=alpha), error, 5, batch_size=10)
    assert sizes_of(active) == [100] * 5


@by_alpha
@PROPERTY
@given(table=tables, seed=st.integers(0, 9))
def test_without_recall_rows_never_come_back(visit, alpha, table, seed):
    policy = ShrinkRecall(s=0.3, alpha=alpha, recall=False)
    active = policy.start(table.shape[1])
    for error in torch.from_numpy(table):
        answer = update(policy, active, visit(active, error, batch_size=3, seed=seed))
        assert set(answer.index.tolist()) <= set(active.index.tolist())
        active = answer


@by_alpha
@pytest.mark.parametrize("n_held", [0, HOLD])
def test_without_recall_the_bar_is_kept_where_it_was(n_held, alpha, visit):
    policy = ShrinkRecall(alpha=alpha, recall=False)
    active = BarredSet(torch.arange(50), threshold=0.005, bar=0.01, n_held=n_held)
    answer = update(policy, active, visit(active, torch.ones(100)))
    assert torch.equal(answer.index, active.index)
    assert (answer.bar, answer.threshold) == (0.01, None)


@by_alpha
@pytest.mark.parametrize(
    ("n_samples", "batch_size", "sizes"),
    [
        (1, 1, [1, 1, 1]),
        (2, 1, [2, 2, 2]),
        (5, 1, [5, 4, 4]),
        (5, 4, [5, 4, 4]),
        (5, 5, [5, 5, 5]),
        (5, 100, [5, 5, 5]),
    ],
)
def test_tables_of_a_few_rows(n_samples, batch_size, sizes, alpha, run):
    error = torch.zeros(n_samples)
    error[-1] = 1.0
    error[0] = 0.001
    error[1:2] = 0.0 if n_samples > 2 else 1.0
    active = run(ShrinkRecall(alpha=alpha), error, 3, batch_size=batch_size)
    assert alpha is not None or sizes_of(active) == sizes
    assert min(sizes_of(active)) >= min(n_samples, batch_size)


@pytest.mark.parametrize("s", [0.01, 0.1, 0.2, 0.25])
@pytest.mark.parametrize("n_easy", [10, 19, 20, 24, 25, 30])
def test_a_small_step_too_needs_that_many_easy_rows(n_easy, s, visit):
    policy = ShrinkRecall(s=s, alpha=None)
    active = policy.start(100)
    answer = update(policy, active, visit(active, clean(100, 100 - n_easy), batch_size=10))
    drops = n_easy >= max(100 * s, 100 * EASY_SHARE)
    assert 100 - len(answer.index) == (int(100 * s) if drops else 0)


@by_alpha
@by_bound
def test_where_nothing_is_wrong_nothing_is_easier_than_the_rest(is_bounded, alpha, run):
    policy, error = ShrinkRecall(alpha=alpha), torch.zeros(100)
    active = run(policy, error, 3, batch_size=10, is_bounded=is_bounded)
    assert sizes_of(active) == [100] * 3


def test_less_than_a_row_is_none(run):
    active = run(ShrinkRecall(s=0.009, alpha=None), clean(100, 5), 3, batch_size=1)
    assert sizes_of(active) == [100] * 3


@by_alpha
@pytest.mark.parametrize("seed", range(5))
def test_rows_over_the_bar_stay_whatever_the_thresholds_of_their_batches(seed, alpha, visit):
    error = torch.cat([torch.linspace(0, 1e-3, 30), torch.linspace(0.5, 1, 70)])
    active = ActiveSet(torch.arange(100))
    epoch = visit(active, error, batch_size=10, seed=seed)
    answer = update(ShrinkRecall(alpha=alpha), active, epoch)
    assert set(range(30, 100)) <= set(answer.index.tolist()) < set(range(100))
    assert 0 < answer.threshold <= answer.bar * (1 + 1e-9)


# Holding


def some_easy(n_easy):
    """Errors of 100 rows, of which some are learnt."""
    return clean(100, 100 - n_easy)


@by_alpha
def test_a_subset_without_easy_rows_is_trained_on_for_a_while(alpha, visit):
    policy = ShrinkRecall(alpha=alpha)
    seen = [BarredSet(torch.arange(20, 100), threshold=0.1, bar=0.1)]
    for _ in range(HOLD + 1):
        epoch = visit(seen[-1], torch.ones(100), batch_size=10)
        seen.append(update(policy, seen[-1], epoch))
    first, *held, last = seen
    assert all(torch.equal(active.index, first.index) for active in held)
    assert {(active.bar, active.threshold) for active in held} == {(0.1, None)}
    assert torch.equal(last.index, torch.arange(100))


def test_each_cycle_may_hold_as_long(run):
    active = run(ShrinkRecall(alpha=None), some_easy(20), 3 * (2 + HOLD), batch_size=10)
    assert sizes_of(active) == 3 * ([100] + [80] * (1 + HOLD))


def test_epochs_held_before_and_after_a_step_add_up(visit):
    policy = ShrinkRecall(alpha=None)
    active, sizes = BarredSet(torch.arange(20, 100), bar=0.1), []
    for epoch in range(HOLD + 3):
        sizes.append(len(active.index))
        error = clean(100, 50) if epoch == 3 else torch.ones(100)
        active = update(policy, active, visit(active, error, batch_size=10))
    assert sizes == [80] * 4 + [64] * (HOLD - 2) + [100]


@by_alpha
def test_too_few_rows_left_are_recalled_and_not_held(alpha, visit):
    active = BarredSet(torch.arange(50, 100), bar=0.1)
    epoch = visit(active, clean(100, 20), batch_size=45)
    assert len(update(ShrinkRecall(alpha=alpha), active, epoch).index) == 100


# What it looks at


@by_alpha
def test_the_training_loss_plays_no_part(alpha, visit):
    policy = ShrinkRecall(alpha=alpha)
    active = policy.start(100)
    epoch = visit(active, clean(100, 10), batch_size=10)
    other = replace(epoch, error=-epoch.error, last_error=torch.full((100,), torch.nan))
    answer = update(policy, active, epoch)
    assert len(answer.index) < 100
    assert torch.equal(update(policy, active, other).index, answer.index)


@by_bound
@by_alpha
@PROPERTY
@given(table=tables, power=st.integers(-40, 40), s=shares, batch_size=st.integers(1, 12))
def test_the_unit_of_the_errors_changes_nothing(
    visit, alpha, is_bounded, table, power, s, batch_size
):
    policy = ShrinkRecall(s=s, alpha=alpha)
    one = other = policy.start(table.shape[1])
    for error in torch.from_numpy(table):
        params = {"batch_size": batch_size, "is_bounded": is_bounded}
        one = update(policy, one, visit(one, error, **params))
        other = update(policy, other, visit(other, error * 2.0**power, **params))
        assert torch.equal(one.index, other.index)


@by_alpha
@pytest.mark.parametrize("n_visited", [60, 75, 99])
def test_rows_that_an_epoch_cut_short_did_not_visit_stay(n_visited, alpha, visit):
    policy = ShrinkRecall(s=0.02, alpha=alpha)
    active = BarredSet(torch.arange(100), bar=0.1)
    epoch = visit(active, clean(200, 150), batch_size=10, n_visited=n_visited)
    kept = update(policy, active, epoch).index.tolist()
    assert 0 < 100 - len(kept) < 100
    assert set(range(100)) - set(kept) <= set(epoch.index.tolist())


@by_alpha
@pytest.mark.parametrize("n_active", [100, 60])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_errors_that_are_not_finite_are_refused(bad, n_active, alpha, visit):
    active = BarredSet(torch.arange(n_active), bar=1e-2)
    error = clean(100, 50)
    error[7] = bad
    with pytest.raises(ValueError, match=rf"must be finite.*: 1 of {n_active} are NaN or infinite"):
        update(ShrinkRecall(alpha=alpha), active, visit(active, error, batch_size=10))


@pytest.mark.parametrize("n_active", [100, 60])
def test_without_errors_of_the_outputs_it_says_what_is_missing(n_active, visit):
    active = BarredSet(torch.arange(n_active), bar=1e-2)
    epoch = replace(visit(active, clean(100, 5)), output=None)
    with pytest.raises(ValueError, match=r"t='auto' needs the squared errors of the outputs.*None"):
        update(ShrinkRecall(), active, epoch)


# The bar


def bar_of(error, weight=None, is_bounded=True):
    """The bar after an epoch on all rows, of which there are as many as errors."""
    rows = torch.arange(len(error))
    output = OutputErrors(error, weight, is_bounded)
    return bar_after(ActiveSet(rows), EpochErrors(rows, error, 1, 1, 0.1, error, output))


@PROPERTY
@given(error=hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1, width=32)))
def test_probabilities_have_a_share_of_their_mean_error_as_bar(error):
    assert bar_of(torch.from_numpy(error)) == pytest.approx(BAR * error.mean())


@by_bound
@PROPERTY
@given(
    rows=st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(0, 4)), min_size=1).filter(
        lambda rows: any(weight for _, weight in rows)
    )
)
def test_integer_weights_are_repetitions(is_bounded, rows):
    error, weight = torch.tensor(rows).T
    repeated = error.repeat_interleave(weight.long())
    expected = bar_of(repeated, is_bounded=is_bounded)
    assert bar_of(error, weight, is_bounded) == pytest.approx(expected, rel=1e-5)


@by_bound
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int64], ids=str)
def test_weights_may_be_of_another_type_than_the_errors(dtype, is_bounded):
    error, weight = torch.rand(50, generator=Generator().manual_seed(0)), torch.arange(50)
    expected = bar_of(error, weight.float(), is_bounded)
    assert bar_of(error, weight.to(dtype), is_bounded) == pytest.approx(expected, rel=1e-3)


def test_equal_weights_are_none():
    error = torch.rand(101, generator=Generator().manual_seed(0))
    for is_bounded in (True, False):
        weighted = bar_of(error, torch.full((101,), 3.0), is_bounded)
        assert weighted == pytest.approx(bar_of(error, is_bounded=is_bounded))


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_a_few_huge_errors_do_not_move_the_bar_of_unbounded_outputs(n_outputs):
    residual = torch.randn(2000, n_outputs, generator=Generator().manual_seed(0))
    error = residual.square().sum(1) / 2
    bar = bar_of(error, is_bounded=False)
    error[:20] = 1e30
    assert bar_of(error, is_bounded=False) == pytest.approx(bar, rel=0.1)


@by_alpha
@pytest.mark.parametrize("s", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("noise", ["Uniform", "Normal", "Laplace", "Cauchy"])
def test_rows_that_noise_put_near_their_prediction_are_not_dropped(noise, n_outputs, s, alpha, run):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        residual = getattr(torch.distributions, noise)(-1.0, 1.0).sample((20_000, n_outputs))
    residual -= residual.median(0).values
    error = residual.square().sum(1) / 2
    active = run(ShrinkRecall(s=s, alpha=alpha), error, 3, is_bounded=False)
    assert sizes_of(active) == [20_000] * 3


@by_alpha
@by_bound
def test_the_bar_is_renewed_by_epochs_on_all_rows_alone(is_bounded, alpha, visit):
    policy = ShrinkRecall(s=0.1, alpha=alpha)
    error = clean(200, 120)
    everything = policy.start(200)
    epoch = visit(everything, error, batch_size=50, is_bounded=is_bounded)
    first = update(policy, everything, epoch)
    bar = first.bar
    assert len(first.index) < 200
    assert bar == bar_after(everything, epoch) > 0
    second = visit(first, error / 8, batch_size=50, is_bounded=is_bounded)
    assert bar_after(first, second) == update(policy, first, second).bar == bar
    again = visit(everything, error / 8, batch_size=50, is_bounded=is_bounded)
    assert bar_after(BarredSet(everything.index, bar=bar), again) == pytest.approx(bar / 8)


def test_a_set_with_a_bar_moves_with_it():
    active = BarredSet(torch.arange(3), threshold=0.5, bar=0.25).to("meta")
    assert active.index.device.type == "meta"
    assert (active.threshold, active.bar) == (0.5, 0.25)
