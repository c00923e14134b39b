"""The bar: an eighth of a mean, a tenth of a median."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from sk_sdlr.policies import EpochReport
from sk_sdlr.policies._bar import bar_of, mean, median, weight_of_visits

PROPERTY = settings(deadline=None, derandomize=True, max_examples=50)
by_bound = pytest.mark.parametrize("bounded", [True, False], ids=["bounded", "unbounded"])


@PROPERTY
@given(error=hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1, width=32)))
def test_of_probabilities_it_is_an_eighth_of_the_mean_and_else_a_tenth_of_the_median(error):
    errors = torch.from_numpy(error)
    assert bar_of(errors, None, True) == pytest.approx(error.mean() / 8)
    assert bar_of(errors, None, False) == pytest.approx(sorted(error)[(len(error) - 1) // 2] / 10)


@by_bound
@PROPERTY
@given(
    rows=st.lists(st.tuples(st.floats(0, 1, width=32), st.integers(0, 4)), min_size=1).filter(
        lambda rows: any(weight for _, weight in rows)
    )
)
def test_integer_weights_are_repetitions(bounded, rows):
    error, weight = torch.tensor(rows).T
    expected = bar_of(error.repeat_interleave(weight.long()), None, bounded)
    assert bar_of(error, weight, bounded) == pytest.approx(expected, rel=1e-5)


@by_bound
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int64], ids=str)
def test_weights_may_be_of_another_type_than_the_errors(dtype, bounded):
    error, weight = torch.rand(50, generator=Generator().manual_seed(0)), torch.arange(50)
    expected = bar_of(error, weight.float(), bounded)
    assert bar_of(error, weight.to(dtype), bounded) == pytest.approx(expected, rel=1e-3)


def test_mean_and_median_by_hand():
    values, weight = torch.tensor([4.0, 1.0, 3.0, 2.0]), torch.tensor([1.0, 5.0, 1.0, 1.0])
    assert (mean(values, None), median(values, None)) == (2.5, 2.0)
    assert (mean(values, weight), median(values, weight)) == (14 / 8, 1.0)


def test_a_few_huge_errors_do_not_move_the_bar_of_unbounded_outputs():
    error = torch.randn(2000, generator=Generator().manual_seed(0)).square()
    bar = bar_of(error, None, False)
    error[:20] = 1e30
    assert bar_of(error, None, False) == pytest.approx(bar, rel=0.1)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("noise", ["Uniform", "Normal", "Laplace", "Cauchy"])
def test_fewer_than_a_fifth_of_residuals_of_one_kind_lie_under_it(noise, n_outputs):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        residual = getattr(torch.distributions, noise)(-1.0, 1.0).sample((20_000, n_outputs))
    error = (residual - residual.median(0).values).square().sum(1) / 2
    assert (error < bar_of(error, None, False)).float().mean() < 0.205


def test_the_sample_stands_for_all_rows_left_out():
    visited = torch.tensor([7, 2, 9, 8])
    of_samples = torch.tensor([1.0, 3.0, 1.0, 2.0])
    report = EpochReport(visited, torch.ones(4), 1, 1, 0.5, torch.ones(10), {}, of_samples)
    # Of ten rows three are the core, and 2 stands for the other seven.
    assert weight_of_visits(report, 3, torch.tensor([2])).tolist() == [1, 21, 1, 2]
