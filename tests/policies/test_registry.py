"""What holds for every policy of the registry; a new one is tested here once it is in there."""

import copy
import pickle
import random
from contextlib import suppress
from dataclasses import fields, is_dataclass

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from torch import Generator, Tensor

import sk_sdlr.policies
from sk_sdlr.policies import (
    POLICIES,
    FullData,
    InfoBatch,
    RandomSubset,
    SelectiveBackprop,
    ShrinkRecall,
)

# More settings than the default one, where they take other paths.
SETTINGS = {
    ShrinkRecall: [
        ShrinkRecall(alpha=None),
        ShrinkRecall(s=0.3, recall=False),
        ShrinkRecall(t=0.2),
        ShrinkRecall(t=0.2, alpha=None),
        ShrinkRecall(s=0),
        ShrinkRecall(s=0.9, t=1, alpha=0),
        ShrinkRecall(s=0.05, t=0.5, alpha=0.99),
        ShrinkRecall(s=0.6, t=1, alpha=None, recall=False),
        ShrinkRecall(s=0.3, t=0.2, alpha=0.6, recall=False),
    ],
    RandomSubset: [
        RandomSubset(ShrinkRecall(s=0.5, t=2, alpha=None)),
        RandomSubset(RandomSubset(ShrinkRecall(t=0.2, alpha=None, recall=False))),
        RandomSubset(FullData()),
        RandomSubset(InfoBatch(delta=1)),
        RandomSubset(SelectiveBackprop(beta=3)),
    ],
    InfoBatch: [
        InfoBatch(r=0),
        InfoBatch(r=0.99, delta=1),
        InfoBatch(r=0.1, delta=0.5),
        InfoBatch(delta=0.05),
    ],
    SelectiveBackprop: [
        SelectiveBackprop(beta=0.01),
        SelectiveBackprop(beta=2.5, refresh=2),
        SelectiveBackprop(beta=1e300, refresh=10),
        SelectiveBackprop(refresh=1),
    ],
}
every_policy = pytest.mark.parametrize(
    "policy",
    [
        pytest.param(policy, id=f"{name}-{i}")
        for name, cls in POLICIES.items()
        for i, policy in enumerate([cls(), *SETTINGS.get(cls, [])])
    ],
)
# Rows of a table are the errors of all samples in an epoch; many of them are equal.
tables = hnp.arrays(
    st.sampled_from([np.float32, np.float64]),
    st.tuples(st.integers(1, 6), st.integers(1, 80)),
    elements=st.integers(0, 3) | st.floats(0, 9, width=32),
)
# t="auto" leaves twenty batches.
batch_sizes = st.integers(1, 3) | st.integers(1, 50)
PROPERTY = settings(deadline=None, derandomize=True, max_examples=25)


def assert_valid(active, n_samples):
    index, weight = active.index, active.weight
    assert index.dtype == torch.int64
    assert index.ndim == 1
    assert len(index) >= 1
    assert index[0] >= 0
    assert index[-1] < n_samples
    assert (index.diff() > 0).all()
    if weight is not None:
        assert weight.shape == index.shape
        assert weight.isfinite().all()


def assert_same(one, other):
    assert type(one) is type(other)
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if is_dataclass(a):
            assert_same(a, b)
        else:
            assert torch.equal(a, b) if isinstance(a, Tensor) else a == b, field.name


@every_policy
@pytest.mark.parametrize("n_samples", [1, 2, 100])
def test_the_first_epoch_visits_every_row(policy, n_samples):
    active = policy.start(n_samples)
    assert_valid(active, n_samples)
    assert len(active.index) == n_samples


@every_policy
@PROPERTY
@given(tables, batch_sizes, st.integers(0, 9))
def test_rows_are_sorted_unique_in_range_and_never_none(policy, visit, table, batch_size, seed):
    generator = Generator().manual_seed(seed)
    active = policy.start(table.shape[1])
    for epoch, error in enumerate(torch.from_numpy(table)):
        errors = visit(active, error, batch_size=batch_size, seed=epoch)
        active = policy.update(active, errors, generator=generator)
        assert_valid(active, table.shape[1])


@every_policy
@PROPERTY
@given(tables, batch_sizes, st.integers(1, 80))
def test_an_epoch_cut_short_gives_valid_rows(policy, visit, table, batch_size, n_visited):
    active = policy.start(table.shape[1])
    for error in torch.from_numpy(table):
        errors = visit(active, error, batch_size=batch_size, n_visited=n_visited)
        active = policy.update(active, errors, generator=Generator())
        assert_valid(active, table.shape[1])


@every_policy
@PROPERTY
@given(tables, batch_sizes, st.integers(0, 9))
def test_the_same_arguments_give_the_same_answer_and_stay_as_they_are(
    policy, visit, table, batch_size, seed
):
    policy_before = copy.deepcopy(policy)
    active = policy.start(table.shape[1])
    for error in torch.from_numpy(table):
        errors = visit(active, error, batch_size=batch_size)
        active_before, errors_before = copy.deepcopy((active, errors))
        answer = policy.update(active, errors, generator=Generator().manual_seed(seed))
        again = policy.update(active, errors, generator=Generator().manual_seed(seed))
        twin = policy_before.update(active, errors, generator=Generator().manual_seed(seed))
        assert_same(answer, again)
        assert_same(answer, twin)
        assert_same(active, active_before)
        assert_same(errors, errors_before)
        assert vars(policy) == vars(policy_before)
        active = answer


@every_policy
def test_global_random_state_is_neither_read_nor_changed(policy, visit):
    active = policy.start(50)
    error = torch.rand(50, generator=Generator().manual_seed(0)).pow(8)
    errors = visit(active, error, batch_size=1)
    numpy_state, python_state = np.random.get_state(), random.getstate()
    answers = []
    with torch.random.fork_rng(devices=[]):
        for seed in (0, 1):
            torch.manual_seed(seed)
            torch_state = torch.get_rng_state()
            answers.append(policy.update(active, errors, generator=Generator().manual_seed(0)))
            assert torch.equal(torch.get_rng_state(), torch_state)
    assert_same(*answers)
    assert str(np.random.get_state()) == str(numpy_state)
    assert random.getstate() == python_state


@every_policy
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("value", [0.0, 0.1, 1e30])
def test_equal_errors_are_handled(policy, value, dtype, run):
    for active in run(policy, torch.full((101,), value, dtype=dtype), 30, batch_size=10):
        assert_valid(active, 101)


@every_policy
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_errors_that_are_not_finite_are_refused_or_not_looked_at(policy, bad, visit):
    active = policy.start(50)
    error = torch.rand(50, generator=Generator().manual_seed(0))

    def update(error):
        return policy.update(active, visit(active, error), generator=Generator().manual_seed(0))

    answer, other = update(error), update(error.flip(0))
    error[7] = bad
    with suppress(ValueError):
        not_ranked = update(error)
        assert_same(not_ranked, answer)
        assert_same(not_ranked, other)


@every_policy
@pytest.mark.parametrize(
    "copied", [clone, copy.deepcopy, lambda policy: pickle.loads(pickle.dumps(policy))]
)
def test_copies_have_the_same_parameters(policy, copied):
    twin = copied(policy)
    assert twin is not policy
    assert twin.get_params() == policy.get_params()


@every_policy
def test_parameters_can_be_read_and_set_back(policy):
    params = policy.get_params(deep=False)
    twin = type(policy)().set_params(**params)
    assert twin.get_params() == policy.get_params()


@pytest.mark.parametrize("cls", POLICIES.values())
def test_registered_policies_are_public(cls):
    assert getattr(sk_sdlr.policies, cls.__name__) is cls
    assert cls.__name__ in sk_sdlr.policies.__all__
