import copy
import pickle
from dataclasses import FrozenInstanceError

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sk_sdlr.policies import (
    ActiveSet,
    EpochErrors,
    FullData,
    InfoBatch,
    Policy,
    RandomSubset,
    SelectiveBackprop,
    ShrinkRecall,
)
from sk_sdlr.policies._base import check_finite, order_statistic, rows_of, rows_where

PROPERTY = settings(deadline=None, derandomize=True, max_examples=50)


def nested():
    return RandomSubset(RandomSubset(ShrinkRecall(s=0.3, t=50, alpha=None)))


def test_get_params_returns_the_fields_by_name():
    policy = ShrinkRecall(s=0.3, t=50, alpha=None, recall=False)
    assert policy.get_params() == {"s": 0.3, "t": 50, "alpha": None, "recall": False}
    assert FullData().get_params() == {}


def test_get_params_reaches_into_a_nested_policy():
    policy = RandomSubset(ShrinkRecall(s=0.3))
    assert policy.get_params(deep=False) == {"policy": policy.policy}
    assert policy.get_params() == {
        "policy": policy.policy,
        "policy__s": 0.3,
        "policy__t": "auto",
        "policy__alpha": 0.5,
        "policy__recall": True,
    }
    assert nested().get_params()["policy__policy__t"] == 50


def test_set_params_changes_the_named_parameters_only():
    policy = ShrinkRecall(s=0.3)
    assert policy.set_params(t=7, alpha=None) is policy
    assert policy == ShrinkRecall(s=0.3, t=7, alpha=None)


def test_set_params_reaches_into_a_nested_policy():
    policy = nested()
    inner = policy.policy.policy
    assert policy.set_params(policy__policy__s=0.4) is policy
    assert policy.policy.policy is inner
    assert inner == ShrinkRecall(s=0.4, t=50, alpha=None)


def test_set_params_sets_a_policy_before_its_parameters():
    old, new = ShrinkRecall(), ShrinkRecall(s=0.3)
    policy = RandomSubset(old).set_params(policy__t=9, policy=new)
    assert policy.policy is new
    assert new == ShrinkRecall(s=0.3, t=9)
    assert old == ShrinkRecall()


def test_set_params_without_parameters_changes_nothing():
    assert nested().set_params() == nested()


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"nope": 1}, ValueError, "RandomSubset has no parameter 'nope'.*'policy'"),
        ({"nope__s": 1}, ValueError, "RandomSubset has no parameter 'nope'.*'policy'"),
        ({"policy": None}, TypeError, "policy must be a Policy.*policy=None"),
        ({"policy__nope": 1}, ValueError, "RandomSubset has no parameter 'nope'.*'policy'"),
        ({"policy__policy__nope": 1}, ValueError, "ShrinkRecall has no parameter 'nope'.*'alpha'"),
        ({"policy__policy__s": 2}, ValueError, r"s must be .*\[0, 1\).*s=2"),
        ({"policy__policy__s": 0.5, "policy__policy__t": 0}, ValueError, "t must be .*t=0"),
        ({"policy": RandomSubset(), "policy__nope": 1}, ValueError, "no parameter 'nope'"),
        ({"policy": RandomSubset(), "policy__policy__s": 2}, ValueError, r"s must be .*s=2"),
        ({"policy__policy__s__x": 1}, ValueError, "ShrinkRecall has no parameter 's__x'"),
    ],
)
def test_invalid_set_params_leaves_everything_unchanged(params, error, message):
    policy = nested()
    parts = policy.policy, policy.policy.policy
    with pytest.raises(error, match=message):
        policy.set_params(**params)
    assert policy == nested()
    assert policy.policy is parts[0]
    assert policy.policy.policy is parts[1]


@pytest.mark.parametrize("policy", [ShrinkRecall(s=0.3, t=50, alpha=None, recall=False), nested()])
@pytest.mark.parametrize(
    "copied", [clone, copy.deepcopy, lambda policy: pickle.loads(pickle.dumps(policy))]
)
def test_copies_are_equal_and_independent(policy, copied):
    twin = copied(policy)
    assert type(twin) is type(policy)
    assert twin == policy
    name = max(policy.get_params(), key=lambda name: (name.count("__"), name.endswith("s")))
    before = policy.get_params()[name]
    twin.set_params(**{name: 0.125})
    assert twin.get_params()[name] == 0.125
    assert policy.get_params()[name] == before


def test_a_policy_must_say_how_it_updates():
    with pytest.raises(TypeError, match="update"):
        Policy()


@pytest.mark.parametrize(
    ("policy", "needs"),
    [
        (FullData(), False),
        (InfoBatch(), False),
        (SelectiveBackprop(), False),
        (ShrinkRecall(t=0.2), False),
        (ShrinkRecall(t=1), False),
        (ShrinkRecall(), True),
        (ShrinkRecall(s=0, alpha=None), True),
    ],
)
def test_errors_of_the_outputs_are_for_who_says_so(policy, needs):
    assert policy.needs_output_errors is needs


def test_active_sets_cannot_be_changed():
    active = ActiveSet(torch.arange(3))
    assert active.weight is None
    assert active.threshold is None
    with pytest.raises(FrozenInstanceError):
        active.index = torch.arange(2)


def test_number_of_samples_is_that_of_the_training_set():
    epoch = EpochErrors(torch.arange(2), torch.rand(2), 1, 1, 0.5, torch.rand(5))
    assert epoch.n_samples == 5


@pytest.mark.parametrize("value", [0.0, -1.0, 3e38])
def test_finite_errors_pass(value):
    check_finite(torch.tensor([value, 1.0]))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_errors_that_are_not_finite_are_counted(value):
    with pytest.raises(ValueError, match=r"must be finite.*: 2 of 5 are NaN or infinite"):
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
@given(mask=hnp.arrays(bool, st.integers(0, 40)))
def test_rows_of_are_those_of_torch(mask):
    index = torch.arange(len(mask)).flip(0)
    mask = torch.from_numpy(mask)
    assert rows_of(index, mask).equal(index[mask])


@PROPERTY
@given(mask=hnp.arrays(bool, st.integers(0, 40)))
def test_rows_where_are_those_of_torch(mask):
    mask = torch.from_numpy(mask)
    found = rows_where(mask)
    assert torch.equal(found, mask.nonzero().squeeze(1))
    assert found.dtype == torch.int64


@pytest.mark.parametrize("weight", [None, torch.ones(3)])
def test_an_active_set_moves_with_its_weights_and_stays_where_it_is(weight):
    active = ActiveSet(torch.arange(3), weight, threshold=0.5)
    assert active.to("cpu") is active
    moved = active.to("meta")
    assert moved.index.device.type == "meta"
    assert moved.threshold == 0.5
    assert (moved.weight is None) == (weight is None)
    assert weight is None or moved.weight.device.type == "meta"
