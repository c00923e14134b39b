"""ShrinkRecall(t="auto"): it shrinks while there are easy rows and holds while there are few."""

from dataclasses import replace

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from sk_sdlr.policies import ActiveSet, EpochErrors, OutputErrors, RandomSubset, ShrinkRecall
from sk_sdlr.policies import _auto_recall as rule
from sk_sdlr.policies._auto_recall import (
    BAR,
    EASY_SHARE,
    HOLD,
    LEARNT,
    LEAST_BATCHES,
    LEAST_SHARE,
    SAMPLE_ROWS,
    SAMPLE_SHARE,
    STILL_EASY,
    BarredSet,
    begin,
    with_sample,
)

PROPERTY = settings(deadline=None, derandomize=True, max_examples=50)
by_alpha = pytest.mark.parametrize("alpha", [None, 0.0, 0.5], ids="alpha={}".format)
by_bound = pytest.mark.parametrize("is_bounded", [True, False], ids=["bounded", "unbounded"])
# Rows of a table are the errors of all samples in an epoch. Most are easy, and many are equal; in
# some epochs all are much larger.
tables = st.builds(
    lambda table, factor: table * factor[: len(table), None],
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(1, 8), st.integers(1, 60) | st.integers(60, 200)),
        elements=st.sampled_from([0.0, 2**-9, 2**-8, 2**-7, 1.0]) | st.floats(2**-10, 1, width=32),
        fill=st.floats(2**-10, 2**-6, width=32),
    ),
    hnp.arrays(np.float32, 8, elements=st.sampled_from([1.0, 1.0, 1.0, 64.0])),
)
# Twenty batches of more rows are seldom left.
batch_sizes = st.integers(1, 3)
shares = st.sampled_from([0.05, 0.2, 0.29, 0.5, 0.9])


def bar_after(active, epoch):
    return begin(active, epoch).bar


def update(policy, active, epoch, seed=0):
    return policy.update(active, epoch, generator=Generator().manual_seed(seed))


def core_of(active):
    """The rows that are active for their own sake."""
    return active.without_sample() if isinstance(active, BarredSet) else active.index


def sample_of(active):
    """The rows that are active to tell whether those left out are easy still."""
    sample = active.sample if isinstance(active, BarredSet) else None
    return active.index[:0] if sample is None else sample


def sizes_of(active_sets):
    """How many rows are active for their own sake."""
    return [len(core_of(active)) for active in active_sets]


def least_left(n_samples, batch_size):
    return max(LEAST_SHARE * n_samples, LEAST_BATCHES * batch_size)


def assert_sampled(active, n_samples):
    """Whether the sample is one of the rows left out, and of the right size."""
    core, sample = core_of(active), sample_of(active)
    at_most = int(min(SAMPLE_ROWS, SAMPLE_SHARE * (n_samples - len(core))))
    assert min(at_most, 1) <= len(sample) <= at_most
    assert (sample.diff() > 0).all()
    assert (active.index.diff() > 0).all()
    assert torch.equal(torch.cat([core, sample]).sort().values, active.index)


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
    batch_size=batch_sizes,
    n_visited=st.none() | st.integers(1, 200),
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
        visited = torch.zeros(n_samples, dtype=torch.bool).index_fill(0, epoch.index, True)
        easy = set(((error < bar_after(active, epoch)) & visited).nonzero().flatten().tolist())
        answer = update(policy, active, epoch, seed)
        assert_sampled(answer, n_samples)
        rows, kept = set(core_of(active).tolist()), set(core_of(answer).tolist())
        everything, sample = set(range(n_samples)), set(sample_of(active).tolist())
        n_dropped, n_easy = int(s * len(rows)), len(easy & rows)
        few_are_easy = n_dropped == 0 or n_easy < max(n_dropped, EASY_SHARE * len(rows))
        if len(easy & sample) < STILL_EASY * len(sample):
            assert kept == (everything if recall else rows)
        elif kept < rows:
            assert rows - kept <= easy
            assert len(kept) >= least_left(n_samples, batch_size)
            assert not few_are_easy
        elif recall and kept != everything:
            assert kept == rows
            assert few_are_easy
        else:
            assert kept == (everything if recall else rows)
        active = answer


@by_bound
@PROPERTY
@given(table=tables, s=shares, batch_size=batch_sizes)
def test_without_smoothing_it_is_the_rule_by_sorting(visit, is_bounded, table, s, batch_size):
    policy = ShrinkRecall(s=s, t="auto", alpha=None)
    n_samples = table.shape[1]
    active, bar, caution = policy.start(n_samples), 0.0, 1.0
    for error in torch.from_numpy(table):
        epoch = visit(active, error, batch_size=batch_size, is_bounded=is_bounded)
        rows, sample = core_of(active).tolist(), sample_of(active)
        everything = list(range(n_samples))
        if rows == everything:
            bar = caution * rule.bar_of(epoch.output)
        elif len(sample):
            stands_for = (n_samples - len(rows)) / len(sample)
            weight = torch.where(torch.isin(epoch.index, sample), stands_for, 1.0)
            estimate = caution * rule.bar_of(replace(epoch.output, weight=weight))
            bar = min(bar, max(estimate, LEARNT if is_bounded else 0))
        n_dropped = int(s * len(rows))
        lowest_first = sorted(rows, key=lambda row: (error[row], row))
        n_easy = int((error[rows] < bar).sum())
        active = update(policy, active, epoch)
        expected = rows  # as short a run holds wherever it may
        if int((error[sample] < bar).sum()) < STILL_EASY * len(sample):
            expected, caution = everything, caution / 2
        elif n_dropped and n_easy >= max(n_dropped, EASY_SHARE * len(rows)):
            if len(rows) - n_dropped >= least_left(n_samples, batch_size):
                expected = sorted(lowest_first[n_dropped:])
            else:
                caution = caution if rows == everything else min(1.0, 2 * caution)
                expected = everything
        assert core_of(active).tolist() == expected
        assert active.caution == caution
        assert_sampled(active, n_samples)


def test_clean_data_are_shrunk_down_to_the_least_share(run):
    policy = ShrinkRecall(alpha=None)
    active = run(policy, clean(2000, 20), 45, batch_size=1)
    cycle = [2000]
    while cycle[-1] - int(0.2 * cycle[-1]) >= LEAST_SHARE * 2000:
        cycle.append(cycle[-1] - int(0.2 * cycle[-1]))
    assert sizes_of(active) == (cycle * 3)[:45]
    assert 10 < len(cycle) < 21
    assert {now.caution for now in active[1:]} == {1.0}


@by_alpha
@pytest.mark.parametrize("batch_size", [1, 3, 10, 24])
def test_no_fewer_rows_than_twenty_batches_are_left(batch_size, alpha, run):
    policy = ShrinkRecall(s=0.5, alpha=alpha)
    sizes = sizes_of(run(policy, clean(1000, 10), 12, batch_size=batch_size))
    assert LEAST_BATCHES * batch_size <= min(sizes) < 1000
    assert alpha is not None or sizes.count(1000) > 1


@pytest.mark.parametrize(
    ("n_samples", "batch_size", "drops"),
    [
        (40 * LEAST_BATCHES, 20, True),
        (40 * LEAST_BATCHES, 21, False),
        (2 * LEAST_BATCHES, 1, True),
        (2 * LEAST_BATCHES - 2, 1, False),
        (2 * LEAST_BATCHES, 2, False),
    ],
)
def test_a_step_may_leave_twenty_batches_and_no_row_less(n_samples, batch_size, drops, run):
    policy = ShrinkRecall(s=0.5, alpha=None)
    sizes = sizes_of(run(policy, clean(n_samples, 2 + n_samples // 20), 4, batch_size=batch_size))
    half = n_samples // 2 if drops else n_samples
    assert sizes == [n_samples, half, n_samples, half]


@by_alpha
@pytest.mark.parametrize("batch_size", [1, 2, 10])
def test_no_fewer_are_left_where_one_batch_is_hard_and_the_others_have_no_error(batch_size, alpha):
    rows, error = torch.arange(400), torch.zeros(400)
    error[:4] = 1.0
    epoch = EpochErrors(rows, error, batch_size, 1, 0.1, error, OutputErrors(error))
    answer = update(ShrinkRecall(alpha=alpha), ActiveSet(rows), epoch)
    assert len(core_of(answer)) >= least_left(400, batch_size)


@by_alpha
@pytest.mark.parametrize("share_wrong", [0.4, 0.3, 0.2])
@pytest.mark.parametrize("batch_size", [1, 10, 50])
def test_labels_at_odds_with_any_features_are_never_dropped(share_wrong, batch_size, alpha, run):
    """The best that can be learnt is the share of the labels; for two classes E = (1 - p_y)^2."""
    p = torch.full((2000,), 1 - share_wrong)
    p[: int(2000 * share_wrong)] = share_wrong
    active = run(ShrinkRecall(alpha=alpha), (1 - p).square(), 6, batch_size=batch_size)
    assert sizes_of(active) == [2000] * 6


@by_alpha
@PROPERTY
@given(n_easy=st.integers(0, 19), seed=st.integers(0, 99))
def test_fewer_easy_rows_than_a_step_would_drop_are_all_rows_for_ever(run, alpha, n_easy, seed):
    error = BAR + (1 - BAR) * torch.rand(100, generator=Generator().manual_seed(seed))
    error[:n_easy] = 0
    active = run(ShrinkRecall(s=0.2, alpha=alpha), error, 5, batch_size=1)
    assert sizes_of(active) == [100] * 5


@by_alpha
@PROPERTY
@given(table=tables, seed=st.integers(0, 9))
def test_without_recall_rows_never_come_back_but_in_samples(visit, alpha, table, seed):
    policy = ShrinkRecall(s=0.3, alpha=alpha, recall=False)
    active = policy.start(table.shape[1])
    for error in torch.from_numpy(table):
        answer = update(policy, active, visit(active, error, batch_size=1, seed=seed))
        assert set(core_of(answer).tolist()) <= set(core_of(active).tolist())
        assert_sampled(answer, table.shape[1])
        active = answer


@by_alpha
@pytest.mark.parametrize("n_held", [0, HOLD])
def test_without_recall_the_bar_is_kept_where_it_was(n_held, alpha, visit):
    policy = ShrinkRecall(alpha=alpha, recall=False)
    active = BarredSet(torch.arange(50), threshold=0.005, bar=0.01, n_held=n_held)
    answer = update(policy, active, visit(active, torch.ones(100)))
    assert torch.equal(core_of(answer), active.index)
    assert (answer.bar, answer.threshold) == (0.01, None)


@by_alpha
@pytest.mark.parametrize(
    ("n_samples", "batch_size", "sizes"),
    [
        (1, 1, [1, 1, 1]),
        (2, 1, [2, 2, 2]),
        (LEAST_BATCHES, 1, [LEAST_BATCHES] * 3),
        (LEAST_BATCHES + 4, 1, [LEAST_BATCHES + 4, LEAST_BATCHES, LEAST_BATCHES + 4]),
        (LEAST_BATCHES + 4, 2, [LEAST_BATCHES + 4] * 3),
        (LEAST_BATCHES + 4, 100, [LEAST_BATCHES + 4] * 3),
    ],
)
def test_tables_of_a_few_rows(n_samples, batch_size, sizes, alpha, run):
    error = torch.zeros(n_samples)
    error[-1] = 1.0
    error[0] = 0.001
    active = run(ShrinkRecall(alpha=alpha), error, 3, batch_size=batch_size)
    assert alpha is not None or sizes_of(active) == sizes
    assert min(sizes_of(active)) >= min(n_samples, LEAST_BATCHES * batch_size)


@pytest.mark.parametrize("s", [0.01, 0.1, 0.2, 0.25])
@pytest.mark.parametrize("n_easy", [10, 19, 20, 24, 25, 30])
def test_a_small_step_too_needs_that_many_easy_rows(n_easy, s, visit):
    policy = ShrinkRecall(s=s, alpha=None)
    active = policy.start(100)
    answer = update(policy, active, visit(active, clean(100, 100 - n_easy), batch_size=1))
    drops = n_easy >= max(100 * s, 100 * EASY_SHARE)
    assert 100 - len(core_of(answer)) == (int(100 * s) if drops else 0)


@by_alpha
@by_bound
def test_where_nothing_is_wrong_nothing_is_easier_than_the_rest(is_bounded, alpha, run):
    policy, error = ShrinkRecall(alpha=alpha), torch.zeros(100)
    active = run(policy, error, 3, batch_size=1, is_bounded=is_bounded)
    assert sizes_of(active) == [100] * 3


def test_less_than_a_row_is_none(run):
    active = run(ShrinkRecall(s=0.009, alpha=None), clean(100, 5), 3, batch_size=1)
    assert sizes_of(active) == [100] * 3


@by_alpha
@pytest.mark.parametrize("seed", range(5))
def test_rows_over_the_bar_stay_whatever_the_thresholds_of_their_batches(seed, alpha, visit):
    error = torch.cat([torch.linspace(0, 1e-3, 300), torch.linspace(0.5, 1, 700)])
    active = ActiveSet(torch.arange(1000))
    epoch = visit(active, error, batch_size=10, seed=seed)
    answer = update(ShrinkRecall(alpha=alpha), active, epoch)
    assert set(range(300, 1000)) <= set(core_of(answer).tolist()) < set(range(1000))
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
        epoch = visit(seen[-1], some_easy(20), batch_size=1)
        seen.append(update(policy, seen[-1], epoch))
    first, *held, last = seen
    assert all(torch.equal(core_of(active), first.index) for active in held)
    assert {(active.bar, active.threshold) for active in held} == {(0.1, None)}
    assert torch.equal(last.index, torch.arange(100))


def test_each_cycle_may_hold_as_long(run):
    active = run(ShrinkRecall(alpha=None), some_easy(20), 3 * (2 + HOLD), batch_size=1)
    assert sizes_of(active) == 3 * ([100] + [80] * (1 + HOLD))


def test_epochs_held_before_and_after_a_step_add_up(visit):
    policy = ShrinkRecall(alpha=None)
    active, sizes = BarredSet(torch.arange(20, 100), bar=0.1), []
    for epoch in range(HOLD + 3):
        sizes.append(len(core_of(active)))
        error = some_easy(20 if epoch < 3 else 50 if epoch == 3 else 36)
        active = update(policy, active, visit(active, error, batch_size=1))
    assert sizes == [80] * 4 + [64] * (HOLD - 2) + [100]


@by_alpha
def test_too_few_rows_left_are_recalled_and_not_held(alpha, visit):
    active = BarredSet(torch.arange(50, 100), bar=0.1)
    epoch = visit(active, clean(100, 20), batch_size=3)
    assert len(update(ShrinkRecall(alpha=alpha), active, epoch).index) == 100


# The sample of the rows left out


def some_left_out(n_easy, *, n_core=400, n_sampled=10, **memory):
    """Rows of 1000 that are active, and the errors of all: of the last rows some are easy."""
    sample = torch.arange(0, 1000 - n_core, (1000 - n_core) // n_sampled)[:n_sampled]
    index = torch.cat([sample, torch.arange(1000 - n_core, 1000)])
    error = torch.zeros(1000)
    error[1000 - n_core :] = torch.linspace(1e-3, 2e-3, n_core)
    error[1000 - n_core + n_easy :] = 1.0
    error[-1] = 1e6  # the mean is high, so that the bar stays where it is
    return BarredSet(index, bar=0.1, sample=sample, **memory), error


@pytest.mark.parametrize(
    ("n_out", "at_most"),
    [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (1000, 100), (2559, 255), (2570, 256), (9000, 256)],
)
def test_the_sample_is_one_of_the_rows_left_out(n_out, at_most):
    core = torch.randperm(n_out + 100, generator=Generator().manual_seed(0))[:100].sort().values
    active = with_sample(BarredSet(core), core, n_out + 100, Generator().manual_seed(1))
    assert torch.equal(active.without_sample(), core)
    if not at_most:
        assert active.sample is None
        assert torch.equal(active.index, core)
        return
    assert 0.8 * at_most <= len(active.sample) <= at_most
    assert active.index.dtype == active.sample.dtype == torch.int64
    assert not torch.isin(active.sample, core).any()
    assert_sampled(active, n_out + 100)


def test_every_row_left_out_is_as_likely_in_the_sample():
    generator, core = Generator().manual_seed(0), torch.arange(0, 200, 2)
    drawn = [with_sample(BarredSet(core), core, 200, generator).sample for _ in range(1000)]
    counts = torch.cat(drawn).bincount(minlength=200)
    assert not counts[core].any()
    # 96 of each row are expected, with a standard deviation under 10.
    assert counts[1::2].min() > 50
    assert counts[1::2].max() < 150


@by_alpha
@pytest.mark.parametrize("n_easy", [0, 200], ids=["held", "shrunk"])
def test_the_sample_is_the_generators(n_easy, alpha, visit):
    active, error = some_left_out(n_easy)
    epoch = visit(active, error, batch_size=1)
    one, same, other = (update(ShrinkRecall(alpha=alpha), active, epoch, i) for i in (0, 0, 1))
    assert torch.equal(one.index, same.index)
    assert torch.equal(one.sample, same.sample)
    assert torch.equal(core_of(one), core_of(other))
    assert not torch.equal(one.sample, other.sample)


def test_each_epoch_has_a_sample_of_its_own(run):
    held = run(ShrinkRecall(alpha=None), clean(1000, 790), HOLD, batch_size=1)[1:]
    assert sizes_of(held) == [800] * (HOLD - 1)
    assert len({tuple(active.sample.tolist()) for active in held}) == HOLD - 1


@by_alpha
@pytest.mark.parametrize("n_easy", [0, 200, 400])
@pytest.mark.parametrize("n_still", range(11))
def test_rows_are_recalled_once_the_sample_is_no_longer_easy(n_still, n_easy, alpha, visit):
    active, error = some_left_out(n_easy, threshold=0.1, n_held=3, caution=0.5)
    error[active.sample[n_still:]] = 1.0
    answer = update(ShrinkRecall(alpha=alpha), active, visit(active, error, batch_size=1))
    if n_still >= STILL_EASY * 10:
        assert answer.caution == 0.5
        assert len(core_of(answer)) < 400 if n_easy else len(core_of(answer)) == 400
    else:
        assert torch.equal(answer.index, torch.arange(1000))
        memory = (answer.sample, answer.threshold, answer.n_held, answer.caution)
        assert memory == (None, None, 0, 0.25)


def test_a_row_at_the_bar_is_not_easy_in_the_sample(visit):
    active, error = some_left_out(0)
    error[active.sample] = active.bar
    answer = update(ShrinkRecall(), active, visit(active, error, batch_size=1))
    assert len(answer.index) == 1000


@by_alpha
@by_bound
def test_without_recall_no_sample_brings_rows_back(is_bounded, alpha, visit):
    active, error = some_left_out(200, threshold=0.1, n_held=3, caution=0.5)
    error[active.sample] = 1.0
    epoch = visit(active, error, batch_size=1, is_bounded=is_bounded)
    answer = update(ShrinkRecall(alpha=alpha, recall=False), active, epoch)
    assert torch.equal(core_of(answer), core_of(active))
    bar = 0.1 if is_bounded else 0.5 * rule.BAR_OF_MEDIAN
    assert (answer.bar, answer.threshold, answer.caution) == (bar, None, 0.5)


@by_alpha
@pytest.mark.parametrize("s", [0.05, 0.2])
@pytest.mark.parametrize("n_easy", [0, 40, 79, 80, 81])
def test_the_sample_is_no_part_of_the_share_of_easy_rows(n_easy, s, alpha, visit):
    active, error = some_left_out(n_easy, n_sampled=60)
    error[active.sample] = active.bar / 2
    answer = update(ShrinkRecall(s=s, alpha=alpha), active, visit(active, error, batch_size=1))
    drops = n_easy >= EASY_SHARE * 400
    assert len(core_of(answer)) < 400 if drops else len(core_of(answer)) == 400


@pytest.mark.parametrize("s", [0.05, 0.2])
@pytest.mark.parametrize("alpha", [None, 0.0])
def test_the_sample_is_no_part_of_the_rows_that_a_share_of_leaves(alpha, s, visit):
    active, error = some_left_out(400, n_sampled=60)
    policy, n_dropped = ShrinkRecall(s=s, alpha=alpha), []
    for seed in range(20):
        epoch = visit(active, error, batch_size=10, seed=seed)
        n_dropped.append(400 - len(core_of(update(policy, active, epoch))))
    assert np.mean(n_dropped) == pytest.approx(s * 400, rel=0 if alpha is None else 0.2)


@by_alpha
@PROPERTY
@given(seed=st.integers(0, 99))
def test_a_sampled_row_does_not_stay_for_its_own_sake(visit, alpha, seed):
    active, error = some_left_out(300, n_sampled=60)
    error[active.sample[55:]] = 1.0  # not easy, so that no threshold is over them
    epoch = visit(active, error, batch_size=1, seed=seed)
    answer = update(ShrinkRecall(alpha=alpha), active, epoch, seed)
    assert set(core_of(answer).tolist()) < set(core_of(active).tolist())
    assert_sampled(answer, 1000)


@by_alpha
@pytest.mark.parametrize("n_still", range(11))
def test_sampled_rows_that_an_epoch_cut_short_did_not_visit_are_not_easy(n_still, alpha):
    active, error = some_left_out(400)
    error[600] = 1e6
    rows = torch.cat([torch.arange(600, 900), active.sample[:n_still]])
    epoch = EpochErrors(rows, error[rows], 1, 1, 0.1, error, OutputErrors(error[rows]))
    answer = update(ShrinkRecall(alpha=alpha), active, epoch)
    if n_still >= STILL_EASY * 10:
        kept = set(core_of(answer).tolist())
        assert set(range(900, 1000)) <= kept < set(range(600, 1000))
    else:
        assert torch.equal(answer.index, torch.arange(1000))
        assert answer.caution == 0.5


def test_a_control_leaves_as_many_rows_out(run):
    policy, error = ShrinkRecall(alpha=None), torch.linspace(0, 1e-6, 2000)
    error[-20:] = 1.0
    sizes = sizes_of(run(policy, error, 12, batch_size=1))
    assert sizes_of(run(RandomSubset(policy), error, 12, batch_size=1)) == sizes


# Caution


def cycle(visit, policy, active, error, is_good):
    """Train until all rows are back: the bar of the cycle, and the set after it."""
    bars = []
    while not bars or len(active.index) < len(error):
        errors = error.clone()
        if not is_good:
            errors[sample_of(active)] = 1.0
        epoch = visit(active, errors, batch_size=1)
        bars.append(bar_after(active, epoch))
        active = update(policy, active, epoch)
        assert_sampled(active, len(error))
    assert len(bars) > 1
    assert bars == pytest.approx([bars[0]] * len(bars), rel=1e-2)
    assert bars == sorted(bars, reverse=True)
    return bars[0], active


@by_alpha
@pytest.mark.parametrize("n_hard", [20, 750], ids=["too few left", "held"])
def test_a_bad_cycle_halves_the_next_bar_and_a_good_one_doubles_it_again(n_hard, alpha, visit):
    policy, error = ShrinkRecall(alpha=alpha), torch.full((1000,), 1e-9)
    error[1000 - n_hard :] = 1.0
    error[:300] = torch.linspace(1e-6, 1e-5, 300)  # of equal errors none would be under another
    active, bars, cautions = policy.start(1000), [], []
    for is_good in [True, False, False, True, False, True, True, True, True]:
        bar, active = cycle(visit, policy, active, error, is_good)
        bars.append(bar)
        cautions.append(active.caution)
    assert cautions == [1, 0.5, 0.25, 0.5, 0.25, 0.5, 1, 1, 1]
    assert bars == [bars[0] * factor for factor in [1, *cautions[:-1]]]
    assert bars[0] == pytest.approx(bar_of(error))


@by_alpha
@by_bound
def test_epochs_on_all_rows_without_a_drop_leave_caution_as_it_is(is_bounded, alpha, visit):
    active = BarredSet(torch.arange(100), caution=0.25)
    error = torch.linspace(0.5, 1, 100)
    for _ in range(3):
        epoch = visit(active, error, batch_size=1, is_bounded=is_bounded)
        assert bar_after(active, epoch) == 0.25 * bar_of(error, is_bounded=is_bounded)
        active = update(ShrinkRecall(alpha=alpha), active, epoch)
        assert len(active.index) == 100
        assert active.caution == 0.25


@by_alpha
def test_with_fewer_rows_than_may_be_left_caution_stays_too(alpha, visit):
    active, error = BarredSet(torch.arange(100), caution=0.25), clean(100, 20)
    answer = update(ShrinkRecall(alpha=alpha), active, visit(active, error, batch_size=10))
    assert (len(answer.index), answer.caution) == (100, 0.25)


# What it looks at


@by_alpha
def test_the_training_loss_plays_no_part(alpha, visit):
    policy = ShrinkRecall(alpha=alpha)
    active = policy.start(100)
    epoch = visit(active, clean(100, 10), batch_size=1)
    other = replace(epoch, error=-epoch.error, last_error=torch.full((100,), torch.nan))
    answer = update(policy, active, epoch)
    assert len(core_of(answer)) < 100
    assert torch.equal(update(policy, active, other).index, answer.index)


@by_alpha
@PROPERTY
@given(table=tables, power=st.integers(-40, 40), s=shares, batch_size=batch_sizes)
def test_the_unit_of_unbounded_errors_changes_nothing(visit, alpha, table, power, s, batch_size):
    policy = ShrinkRecall(s=s, alpha=alpha)
    one = other = policy.start(table.shape[1])
    for error in torch.from_numpy(table):
        params = {"batch_size": batch_size, "is_bounded": False}
        one = update(policy, one, visit(one, error, **params))
        other = update(policy, other, visit(other, error * 2.0**power, **params))
        assert torch.equal(one.index, other.index)


@by_alpha
@pytest.mark.parametrize("n_visited", [60, 75, 99])
def test_rows_that_an_epoch_cut_short_did_not_visit_stay(n_visited, alpha, visit):
    policy = ShrinkRecall(s=0.02, alpha=alpha)
    active = BarredSet(torch.arange(100), bar=0.1)
    epoch = visit(active, clean(200, 150), batch_size=1, n_visited=n_visited)
    kept = core_of(update(policy, active, epoch)).tolist()
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
def test_the_bar_falls_with_the_errors_and_rises_after_epochs_on_all_rows_alone(
    is_bounded, alpha, visit
):
    policy = ShrinkRecall(s=0.1, alpha=alpha)
    error = clean(200, 120)
    everything = policy.start(200)
    epoch = visit(everything, error, batch_size=5, is_bounded=is_bounded)
    first = update(policy, everything, epoch)
    bar = first.bar
    assert len(first.index) < 200
    assert bar == bar_after(everything, epoch) > 0
    lower = visit(first, error / 4, batch_size=5, is_bounded=is_bounded)
    second = update(policy, first, lower)
    assert bar_after(first, lower) == second.bar == pytest.approx(bar / 4, rel=0.05)
    least = visit(first, error / 100, batch_size=5, is_bounded=is_bounded)
    expected = LEARNT if is_bounded else pytest.approx(bar / 100, rel=0.05)
    assert bar_after(first, least) == expected
    higher = visit(first, 8 * error, batch_size=5, is_bounded=is_bounded)
    assert bar_after(first, higher) == bar
    again = visit(everything, 8 * error, batch_size=5, is_bounded=is_bounded)
    assert bar_after(BarredSet(everything.index, bar=bar), again) == pytest.approx(8 * bar)


@by_bound
@PROPERTY
@given(
    weight=st.none() | hnp.arrays(np.float32, 100, elements=st.floats(0.5, 2, width=32)),
    caution=st.sampled_from([1.0, 0.5]),
)
def test_the_sample_stands_for_the_rows_left_out(is_bounded, weight, caution, visit):
    core, sample = torch.arange(40, 100), torch.tensor([3, 21, 38])
    index = torch.cat([sample, core])
    error = torch.rand(100, generator=Generator().manual_seed(0))
    weight = None if weight is None else torch.from_numpy(weight)
    active = BarredSet(index, bar=1e9, sample=sample, caution=caution)
    epoch = visit(active, error, weight=weight, is_bounded=is_bounded)
    # As if each of the three rows were there 40 / 3 times, and all others three times less often.
    rows = torch.cat([sample.repeat(40), core.repeat(3)])
    expected = bar_of(error[rows], None if weight is None else weight[rows], is_bounded)
    assert bar_after(active, epoch) == pytest.approx(caution * expected, rel=1e-5)


def test_a_set_with_a_bar_and_a_sample_moves_with_them():
    active = BarredSet(torch.arange(3), threshold=0.5, bar=0.25, sample=torch.arange(1))
    moved = active.to("meta")
    assert moved.index.device.type == moved.sample.device.type == "meta"
    assert (moved.threshold, moved.bar) == (0.5, 0.25)
    assert replace(active, sample=None).to("meta").sample is None
