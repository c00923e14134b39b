"""Active sets, reports, and the parameters of policies."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass

import pytest
import torch
from sklearn.base import clone

from sk_sdlr.policies import ActiveSet, EpochReport, FullData, Policy, RandomSubset, ShrinkRecall


def nested():
    return RandomSubset(RandomSubset(ShrinkRecall(s=0.3, t=50, alpha=None)))


@dataclass(frozen=True)
class Remembers(ActiveSet):
    seen: torch.Tensor | None = None
    n_epochs: int = 0


# Active sets


def test_active_sets_cannot_be_changed():
    active = ActiveSet(torch.arange(3))
    assert (active.weight, active.threshold) == (None, None)
    with pytest.raises(FrozenInstanceError):
        active.index = torch.arange(2)


def test_a_set_moves_with_all_its_tensors_and_stays_where_it_is():
    active = Remembers(torch.arange(3), torch.ones(3), 0.5, torch.arange(2), 7)
    assert active.to("cpu") is active
    moved = active.to("meta")
    assert type(moved) is Remembers
    tensors = (moved.index, moved.weight, moved.seen)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert (moved.threshold, moved.n_epochs) == (0.5, 7)
    assert ActiveSet(torch.arange(3)).to("meta").weight is None


def test_as_many_other_rows_have_no_weights_and_keep_the_memory():
    active = Remembers(torch.arange(3), torch.ones(3), 0.5, torch.arange(2), 7)
    other = active.with_rows(torch.tensor([2, 5, 8]))
    assert other.index.tolist() == [2, 5, 8]
    assert (other.weight, other.threshold, other.n_epochs) == (None, None, 7)


def test_the_state_of_a_set_is_its_fields_and_makes_the_set_again():
    active = Remembers(torch.arange(3), None, 0.5, torch.arange(2), 7)
    state = active.state_dict()
    assert list(state) == ["index", "weight", "threshold", "seen", "n_epochs"]
    assert state["index"] is active.index
    again = Remembers.from_state_dict(state)
    assert vars(again) == vars(active)


# Reports


def test_the_number_of_samples_is_that_of_the_training_set():
    report = EpochReport(torch.arange(2), torch.rand(2), 1, 1, 0.5, torch.rand(5))
    assert report.n_samples == 5
    assert (report.signals, report.sample_weight, report.bounded_outputs) == ({}, None, True)


# Policies


def test_a_policy_must_say_how_it_updates():
    with pytest.raises(TypeError, match="update"):
        Policy()


def test_a_policy_needs_no_signals_and_starts_on_all_rows():
    assert FullData().needs == frozenset()
    assert not FullData.is_weighted
    assert FullData().start(3).index.tolist() == [0, 1, 2]


def test_a_user_may_say_what_a_policy_needs_by_a_plain_attribute():
    @dataclass
    class Own(FullData):
        needs = frozenset({"margin"})

    assert Own().needs == RandomSubset(Own()).needs == {"margin"}


def test_parameters_are_the_fields():
    params = {"s": 0.3, "t": 50, "alpha": None, "recall": False}
    assert ShrinkRecall(**params).get_params() == params
    policy = RandomSubset(ShrinkRecall(**params))
    assert policy.get_params(deep=False) == {"policy": policy.policy}
    of_inner = {f"policy__{name}": value for name, value in params.items()}
    assert policy.get_params() == {"policy": policy.policy} | of_inner
    assert nested().get_params()["policy__policy__t"] == 50


def test_set_params_changes_the_named_parameters_only():
    policy = nested()
    inner = policy.policy.policy
    assert policy.set_params() == nested()
    assert policy.set_params(policy__policy__s=0.4) is policy
    assert policy.policy.policy is inner
    assert inner == ShrinkRecall(s=0.4, t=50, alpha=None)


def test_set_params_sets_a_policy_before_its_parameters():
    old, new = ShrinkRecall(), ShrinkRecall(s=0.3)
    policy = RandomSubset(old).set_params(policy__t=9, policy=new)
    assert policy.policy is new
    assert (new, old) == (ShrinkRecall(s=0.3, t=9), ShrinkRecall())


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"nope": 1}, ValueError, r"Invalid parameter 'nope' .*parameters are: \['policy'\]"),
        ({"nope__s": 1}, ValueError, "Invalid parameter 'nope' for policy RandomSubset"),
        ({"policy": None}, TypeError, "The 'policy' parameter of RandomSubset must be"),
        ({"policy__nope": 1}, ValueError, "'nope' for policy RandomSubset"),
        ({"policy__policy__nope": 1}, ValueError, "'nope' for policy ShrinkRecall.*'alpha'"),
        ({"policy__policy__s": 2}, ValueError, "The 's' parameter of ShrinkRecall must be"),
        ({"policy__policy__s": 0.5, "policy__policy__t": 0}, ValueError, "The 't' parameter"),
        ({"policy": RandomSubset(), "policy__policy__s": 2}, ValueError, "The 's' parameter"),
        ({"policy__policy__s__x": 1}, ValueError, "'s__x' for policy ShrinkRecall"),
    ],
)
def test_set_params_that_fails_changes_nothing(params, error, message):
    policy = nested()
    parts = policy.policy, policy.policy.policy
    with pytest.raises(error, match=message):
        policy.set_params(**params)
    assert policy == nested()
    assert (policy.policy, policy.policy.policy) == parts
    assert policy.policy is parts[0]


@pytest.mark.parametrize(
    "copied", [clone, copy.deepcopy, lambda policy: pickle.loads(pickle.dumps(policy))]
)
def test_copies_are_equal_and_independent(copied):
    policy = nested()
    twin = copied(policy)
    assert twin == policy
    twin.set_params(policy__policy__s=0.125)
    assert policy == nested() != twin
