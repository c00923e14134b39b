from dataclasses import dataclass

import pytest
import torch

from sk_sdlr.policies import ActiveSet, FullData, Policy, RandomSubset, ShrinkRecall


@dataclass
class Weighted(Policy):
    """Keeps the first half of the rows, with weights."""

    def start(self, n_samples):
        return ActiveSet(torch.arange(n_samples), torch.full((n_samples,), 2.0))

    def update(self, active, epoch, *, generator):
        n_kept = len(active.index) // 2
        return ActiveSet(active.index[:n_kept], torch.full((n_kept,), 2.0), threshold=0.5)


def indices(active_sets):
    return [active.index.tolist() for active in active_sets]


@pytest.mark.parametrize(
    "policy",
    [
        ShrinkRecall(t=0.2, alpha=None),
        ShrinkRecall(s=0.4, t=3, alpha=None),
        ShrinkRecall(t=0.5, alpha=None, recall=False),
        FullData(),
    ],
)
def test_sizes_are_those_of_the_policy(policy, run):
    error = torch.rand(200, generator=torch.Generator().manual_seed(0))
    sizes = [len(active.index) for active in run(policy, error, 15)]
    assert [len(active.index) for active in run(RandomSubset(policy), error, 15)] == sizes


def test_rows_are_other_ones_than_those_of_the_policy(run):
    error = torch.rand(200, generator=torch.Generator().manual_seed(0))
    policy = ShrinkRecall(t=0.2, alpha=None)
    pairs = zip(run(RandomSubset(policy), error, 8), run(policy, error, 8), strict=True)
    for drawn, chosen in list(pairs)[1:]:
        assert not torch.equal(drawn.index, chosen.index)


def test_rows_are_drawn_from_all_of_them_whatever_their_error(visit):
    policy = RandomSubset(ShrinkRecall(s=0.5, t=0.2, alpha=None))
    active = ActiveSet(torch.arange(10))
    epoch = visit(active, torch.arange(20.0))
    generator = torch.Generator().manual_seed(0)
    answers = [policy.update(active, epoch, generator=generator).index for _ in range(400)]
    assert all(len(index) == 5 for index in answers)
    counts = torch.cat(answers).bincount(minlength=20)
    # 100 of each row are expected, with a standard deviation under 9.
    assert counts.min() > 60
    assert counts.max() < 140


def test_weights_and_threshold_of_the_policy_are_not_used(visit):
    policy = RandomSubset(Weighted())
    active = policy.start(20)
    assert active.weight is None
    assert torch.equal(active.index, torch.arange(20))
    answer = policy.update(active, visit(active, torch.rand(20)), generator=torch.Generator())
    assert len(answer.index) == 10
    assert answer.weight is None
    assert answer.threshold is None


def test_seeds_differ(run):
    policy = RandomSubset(ShrinkRecall(t=0.2, alpha=None))
    first, again, other = (indices(run(policy, torch.ones(100), 5, seed=s)) for s in (1, 1, 2))
    assert first == again
    assert all(a != b for a, b in zip(first[1:], other[1:], strict=True))


def test_global_seed_makes_no_difference(run):
    policy = RandomSubset(ShrinkRecall(t=0.2, alpha=None))
    runs = []
    with torch.random.fork_rng(devices=[]):
        for seed in (1, 2):
            torch.manual_seed(seed)
            runs.append(indices(run(policy, torch.ones(100), 5)))
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    ("policy", "needs"),
    [
        (ShrinkRecall(), True),
        (ShrinkRecall(t=0.2), False),
        (FullData(), False),
        (RandomSubset(ShrinkRecall()), True),
    ],
)
def test_it_needs_the_errors_of_the_outputs_if_the_policy_does(policy, needs):
    assert RandomSubset(policy).needs_output_errors is needs


@pytest.mark.parametrize("policy", [None, "shrink_recall", ShrinkRecall, 0.2])
def test_what_is_not_a_policy_is_refused(policy):
    with pytest.raises(TypeError, match="policy must be a Policy, however: policy="):
        RandomSubset(policy)


def test_policies_made_by_default_are_not_shared():
    first, second = RandomSubset(), RandomSubset()
    first.set_params(policy__s=0.4)
    assert second == RandomSubset() != first
