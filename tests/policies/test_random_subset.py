from dataclasses import dataclass

import pytest
import torch
from torch import Generator

from sk_sdlr.policies import ActiveSet, AutoRecall, FullData, Policy, RandomSubset, ShrinkRecall

HALVES = ShrinkRecall(s=0.5, alpha=None)


@dataclass
class Weighted(Policy):
    """Keeps the first half of the rows, with weights."""

    def start(self, n_samples):
        return ActiveSet(torch.arange(n_samples), torch.full((n_samples,), 2.0))

    def update(self, active, report, *, generator):
        n_kept = len(active.index) // 2
        return ActiveSet(active.index[:n_kept], torch.full((n_kept,), 2.0), threshold=0.5)


def sizes_of(active_sets):
    return [len(active.index) for active in active_sets]


@pytest.mark.parametrize(
    "policy",
    [
        ShrinkRecall(alpha=None),
        ShrinkRecall(s=0.4, t=3, alpha=None),
        ShrinkRecall(t=0.5, alpha=None, recall=False),
        FullData(),
    ],
)
def test_sizes_are_those_of_the_policy_and_rows_are_others(policy, run):
    error = torch.rand(200, generator=Generator().manual_seed(0))
    drawn, chosen = run(RandomSubset(policy), error, 15), run(policy, error, 15)
    assert sizes_of(drawn) == sizes_of(chosen)
    for a, b in zip(drawn, chosen, strict=True):
        assert torch.equal(a.index, b.index) == (len(a.index) == 200)


def test_the_control_of_auto_recall_has_a_sample_too(run):
    error = torch.linspace(0, 1e-6, 2000)
    error[-20:] = 1.0
    chosen = run(AutoRecall(alpha=None), error, 8, batch_size=1)
    drawn = run(RandomSubset(AutoRecall(alpha=None)), error, 8, batch_size=1)
    core_sizes = [len(active.core()) for active in drawn[1:]]
    assert core_sizes == [len(active.core()) for active in chosen[1:]]
    assert core_sizes[-1] < 600
    for active in drawn[1:]:
        assert set() < set(active.sample.tolist()) < set(active.index.tolist())


def test_rows_are_drawn_from_all_of_them_whatever_their_error(visit):
    active, generator = ActiveSet(torch.arange(10)), Generator().manual_seed(0)
    report = visit(active, torch.arange(20.0))
    answers = [RandomSubset(HALVES).update(active, report, generator=generator) for _ in range(400)]
    assert set(sizes_of(answers)) == {5}
    counts = torch.cat([answer.index for answer in answers]).bincount(minlength=20)
    # 100 of each row are expected, with a standard deviation under 9.
    assert 60 < counts.min() <= counts.max() < 140


def test_weights_and_threshold_of_the_policy_are_not_used(visit):
    policy = RandomSubset(Weighted())
    active = policy.start(20)
    assert (active.weight, len(active.index)) == (None, 20)
    answer = policy.update(active, visit(active, torch.rand(20)), generator=Generator())
    assert (answer.weight, answer.threshold, len(answer.index)) == (None, None, 10)


def test_seeds_differ(run):
    first, again, other = (
        [active.index.tolist() for active in run(RandomSubset(HALVES), torch.ones(100), 3, seed=s)]
        for s in (1, 1, 2)
    )
    assert first == again
    assert first[1] != other[1]


def test_it_needs_the_signals_that_the_policy_needs():
    assert RandomSubset(AutoRecall()).needs == {"output_error"}
    assert RandomSubset(RandomSubset(AutoRecall())).needs == {"output_error"}
    assert RandomSubset().needs == frozenset()


@pytest.mark.parametrize("policy", [None, "shrink_recall", ShrinkRecall, 0.2])
def test_what_is_not_a_policy_is_refused(policy):
    with pytest.raises(TypeError) as caught:
        RandomSubset(policy)
    message = "The 'policy' parameter of RandomSubset must be an instance of 'Policy'. "
    assert str(caught.value) == message + f"Got {policy!r} instead."


def test_policies_made_by_default_are_not_shared():
    first, second = RandomSubset(), RandomSubset()
    first.set_params(policy__s=0.4)
    assert second == RandomSubset() != first
