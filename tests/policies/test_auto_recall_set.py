"""What AutoRecall remembers: bar, sample, epochs held, scale of the bar."""

from dataclasses import replace

import pytest
import torch
from torch import Generator

from sk_sdlr.policies import ActiveSet
from sk_sdlr.policies._auto_recall_set import (
    AutoRecallSet,
    everything,
    still_easy,
    with_bar,
    with_sample,
)


def some(core, sample, **memory):
    core, sample = torch.tensor(core), torch.tensor(sample)
    return AutoRecallSet(torch.cat([core, sample]).sort().values, sample=sample, **memory)


def test_the_core_are_the_rows_that_are_no_sample():
    assert some([2, 5, 8], [0, 6]).core().tolist() == [2, 5, 8]
    assert AutoRecallSet(torch.arange(3)).core().tolist() == [0, 1, 2]


def test_it_moves_with_its_sample():
    active = some([2, 5], [0], bar=0.25, threshold=0.5)
    moved = active.to("meta")
    assert moved.index.device.type == moved.sample.device.type == "meta"
    assert (moved.threshold, moved.bar) == (0.5, 0.25)
    assert replace(active, sample=None).to("meta").sample is None


def test_other_rows_have_a_sample_of_their_own():
    other = some([2, 5, 8], [0, 6], bar=0.25).with_rows(torch.tensor([1, 3, 4, 7, 9]))
    assert (other.sample.tolist(), other.bar) == ([1, 7], 0.25)
    assert AutoRecallSet(torch.arange(2)).with_rows(torch.tensor([3, 4])).sample is None


# The bar


def test_after_an_epoch_on_all_rows_it_is_an_eighth_of_the_mean_times_the_scale(visit):
    error = torch.tensor([0.2, 0.4, 0.6, 0.8])
    for active, scale in [
        (ActiveSet(torch.arange(4)), 1),
        (AutoRecallSet(torch.arange(4), bar=9.0, bar_scale=0.25), 0.25),
    ]:
        now = with_bar(active, visit(active, error), error)
        assert (now.bar, now.bar_scale) == (pytest.approx(scale * 0.5 / 8), scale)
        assert (now.sample, now.n_held) == (None, 0)


@pytest.mark.parametrize(
    ("bar", "scale", "bounded", "expected"),
    [
        (0.5, 1.0, True, (3 * 0.2 + 5 * 0.6) / 8 / 8),  # falls with the error of all eight rows
        (0.5, 0.5, True, (3 * 0.2 + 5 * 0.6) / 8 / 16),
        (0.02, 1.0, True, 0.02),  # never rises
        (0.5, 0.125, True, 0.01),  # is no lower than this
        (0.5, 1.0, False, 0.6 / 10),
        (0.5, 0.0625, False, 0.6 / 160),  # unless any error may be small
    ],
)
def test_while_rows_are_left_out_it_follows_the_error_of_all(bar, scale, bounded, expected, visit):
    error = torch.full((8,), 0.2).index_fill(0, torch.tensor([3]), 0.6)
    active = some([5, 6, 7], [3], bar=bar, bar_scale=scale, n_held=4)
    report = visit(active, error, bounded_outputs=bounded)
    now = with_bar(active, report, report.signals["output_error"])
    assert now.bar == pytest.approx(expected)
    assert (now.n_held, now.sample.tolist()) == (4, [3])


def test_without_a_sample_it_stays(visit):
    active = AutoRecallSet(torch.arange(5, 8), bar=0.5)
    error = torch.zeros(8)
    assert with_bar(active, visit(active, error), error[:3]) is active


# The sample


@pytest.mark.parametrize(("n_easy", "answer"), [(20, True), (17, True), (16, False), (0, False)])
def test_the_rows_left_out_are_easy_if_85_per_cent_of_the_sample_are(n_easy, answer):
    error = torch.zeros(30)
    error[n_easy:] = 0.1
    now = some(list(range(20, 30)), list(range(20)), bar=0.1)  # a row at the bar is not easy
    assert still_easy(now, error) is answer
    assert still_easy(replace(now, sample=None), error)


@pytest.mark.parametrize(
    ("n_out", "at_most"),
    [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (1000, 100), (2559, 255), (2570, 256), (9000, 256)],
)
def test_it_is_a_tenth_of_the_rows_left_out_and_256_at_most(n_out, at_most):
    core = torch.randperm(n_out + 100, generator=Generator().manual_seed(0))[:100].sort().values
    memory = AutoRecallSet(core, bar=0.5, n_held=3, bar_scale=0.5)
    active = with_sample(memory, core, n_out + 100, Generator().manual_seed(1))
    assert torch.equal(active.core(), core)
    assert (active.bar, active.n_held, active.bar_scale) == (0.5, 3, 0.5)
    sample = set() if active.sample is None else set(active.sample.tolist())
    assert 0.8 * at_most <= len(sample) <= at_most
    assert not sample & set(core.tolist())
    assert (active.index.diff() > 0).all()


def test_every_row_left_out_is_as_likely_in_it():
    generator, core = Generator().manual_seed(0), torch.arange(0, 200, 2)
    drawn = [with_sample(AutoRecallSet(core), core, 200, generator).sample for _ in range(1000)]
    counts = torch.cat(drawn).bincount(minlength=200)
    assert not counts[core].any()
    # 96 of each row are expected, with a standard deviation under 10.
    assert 50 < counts[1::2].min() <= counts[1::2].max() < 150


def test_all_rows_begin_a_new_cycle():
    now = some([2, 5], [0], bar=0.25, threshold=0.5, n_held=7, bar_scale=0.5)
    for scale, kept in [(0.25, 0.25), (2.0, 1.0)]:
        answer = everything(now, 6, scale)
        assert torch.equal(answer.index, torch.arange(6))
        assert (answer.threshold, answer.sample, answer.n_held) == (None, None, 0)
        assert answer.bar_scale == kept
