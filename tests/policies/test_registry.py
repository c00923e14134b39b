"""What holds for every policy of the registry; a new one is tested here once it is in there."""

import copy
import io
import pickle
import random
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace

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
    AutoRecall,
    InfoBatch,
    RandomSubset,
    SelectiveBackprop,
    ShrinkRecall,
)

# More settings than the default one, where they take other paths.
SETTINGS = {
    AutoRecall: [AutoRecall(alpha=None), AutoRecall(s=0.5, alpha=0), AutoRecall(s=0)],
    ShrinkRecall: [
        ShrinkRecall(alpha=None),
        ShrinkRecall(s=0),
        ShrinkRecall(s=0.9, t=1, alpha=0),
        ShrinkRecall(s=0.6, t=1, alpha=None, recall=False),
        ShrinkRecall(s=0.3, t=0.2, alpha=0.6, recall=False),
    ],
    RandomSubset: [
        RandomSubset(AutoRecall(alpha=None)),
        RandomSubset(RandomSubset(ShrinkRecall(s=0.4, t=2, alpha=None, recall=False))),
        RandomSubset(InfoBatch(delta=1)),
    ],
    InfoBatch: [InfoBatch(r=0), InfoBatch(r=0.99, delta=1), InfoBatch(delta=0.05)],
    SelectiveBackprop: [
        SelectiveBackprop(beta=2.5, refresh=2),
        SelectiveBackprop(beta=1e300, refresh=10),
        SelectiveBackprop(refresh=1),
    ],
}
EVERY = [
    pytest.param(policy, id=f"{name}-{i}")
    for name, cls in POLICIES.items()
    for i, policy in enumerate([cls(), *SETTINGS.get(cls, [])])
]
every_policy = pytest.mark.parametrize("policy", EVERY)
# Rows of a table are the errors of all samples in an epoch; many of them are equal, most small.
tables = hnp.arrays(
    st.sampled_from([np.float32, np.float64]),
    st.tuples(st.integers(1, 6), st.integers(1, 80)),
    elements=st.integers(0, 3) | st.floats(0, 9, width=32),
    fill=st.floats(0, 2**-6, width=32),
)
# AutoRecall leaves twenty batches.
batch_sizes = st.integers(1, 3) | st.integers(1, 50)
PROPERTY = settings(deadline=None, derandomize=True, max_examples=12)


def assert_valid(active, n_samples):
    index, weight = active.index, active.weight
    assert index.dtype == torch.int64
    assert index.ndim == 1
    assert len(index) >= 1
    assert 0 <= index[0] <= index[-1] < n_samples
    assert (index.diff() > 0).all()
    if weight is not None:
        assert weight.shape == index.shape
        assert weight.isfinite().all()


def assert_same(one, other):
    assert type(one) is type(other)
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        assert torch.equal(a, b) if isinstance(a, Tensor) else a == b, field.name


def epochs(n_samples, n_epochs):
    """Errors of all rows in some epochs: distinct, and so that each policy has rows to drop."""
    generator = Generator().manual_seed(0)
    for epoch in range(n_epochs):
        yield torch.rand(n_samples, generator=generator).pow(8) * 0.9**epoch


@every_policy
@pytest.mark.parametrize("n_samples", [1, 2, 100])
def test_the_first_epoch_visits_every_row(policy, n_samples):
    assert torch.equal(policy.start(n_samples).index, torch.arange(n_samples))


@every_policy
@PROPERTY
@given(tables, batch_sizes, st.none() | st.integers(1, 80))
def test_it_is_a_pure_function_to_sorted_unique_rows(policy, visit, table, batch_size, n_visited):
    twin, n_samples = copy.deepcopy(policy), table.shape[1]
    active = policy.start(n_samples)
    for epoch, error in enumerate(torch.from_numpy(table), 1):
        report = visit(
            active, error, batch_size=batch_size, seed=epoch, epoch=epoch, n_visited=n_visited
        )
        before = copy.deepcopy((active, report))
        answer, again, by_twin = (
            which.update(active, report, generator=Generator().manual_seed(epoch))
            for which in (policy, policy, twin)
        )
        assert_valid(answer, n_samples)
        assert_same(answer, again)
        assert_same(answer, by_twin)
        assert_same(active, before[0])
        signals, signals_before = report.signals, before[1].signals
        assert_same(replace(report, signals={}), replace(before[1], signals={}))
        assert all(torch.equal(signals[name], signals_before[name]) for name in signals)
        assert vars(policy) == vars(twin)
        active = answer


@every_policy
def test_global_random_state_is_neither_read_nor_changed(policy, visit):
    report = visit(policy.start(50), next(epochs(50, 1)), batch_size=1)
    numpy_state, python_state = str(np.random.get_state()), random.getstate()
    answers = []
    with torch.random.fork_rng(devices=[]):
        for seed in (0, 1):
            torch.manual_seed(seed)
            torch_state = torch.get_rng_state()
            generator = Generator().manual_seed(0)
            answers.append(policy.update(policy.start(50), report, generator=generator))
            assert torch.equal(torch.get_rng_state(), torch_state)
    assert_same(*answers)
    assert (str(np.random.get_state()), random.getstate()) == (numpy_state, python_state)


@every_policy
@pytest.mark.parametrize("value", [0.0, 0.1, 1e30])
def test_equal_errors_are_handled(policy, value, run):
    for active in run(policy, torch.full((101,), value), 20, batch_size=2):
        assert_valid(active, 101)


@every_policy
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_errors_that_are_not_finite_are_refused_or_not_looked_at(policy, bad, visit):
    active, error = policy.start(50), next(epochs(50, 1))

    def update(error):
        return policy.update(active, visit(active, error), generator=Generator().manual_seed(0))

    answer, other = update(error), update(error.flip(0))
    error[7] = bad
    with suppress(ValueError):
        not_ranked = update(error)
        assert_same(not_ranked, answer)
        assert_same(not_ranked, other)


@every_policy
def test_it_reads_the_signals_that_it_needs_and_no_other(policy, visit):
    assert isinstance(policy.needs, frozenset)
    active = policy.start(50)
    report = visit(active, next(epochs(50, 1)))
    signals = {name: report.signals[name] for name in policy.needs}
    policy.update(active, replace(report, signals=signals), generator=Generator())
    for name in policy.needs:
        rest = {key: signal for key, signal in signals.items() if key != name}
        with pytest.raises(ValueError, match=f"must have '{name}', which"):
            policy.update(active, replace(report, signals=rest), generator=Generator())


@every_policy
def test_a_set_stored_without_pickle_goes_on_as_it_would_have(policy, visit):
    active = other = policy.start(200)
    for epoch, error in enumerate(epochs(200, 12), 1):
        file = io.BytesIO()
        torch.save(other.state_dict(), file)
        file.seek(0)
        other = policy.make_active_set(torch.load(file, weights_only=True))
        assert_same(active, other)
        active, other = (
            policy.update(
                which,
                visit(which, error, batch_size=1, seed=epoch, epoch=epoch),
                generator=Generator().manual_seed(epoch),
            )
            for which in (active, other)
        )


# Parameters


@every_policy
def test_parameters_are_read_and_set_back_and_copied(policy):
    twin = type(policy)().set_params(**policy.get_params(deep=False))
    pickled = pickle.loads(pickle.dumps(policy))
    assert twin == clone(policy) == copy.deepcopy(policy) == pickled == policy
    assert is_dataclass(policy)


@pytest.mark.parametrize(
    ("cls", "name"), [(cls, field.name) for cls in POLICIES.values() for field in fields(cls)]
)
def test_each_parameter_is_checked_and_named(cls, name):
    class Nothing:
        pass

    message = (
        rf"^The '{name}' parameter of {cls.__name__} must be .*\. Got <.*Nothing.*> instead\.$"
    )
    with pytest.raises(TypeError, match=message):
        cls(**{name: Nothing()})


@pytest.mark.parametrize("cls", POLICIES.values())
def test_registered_policies_are_public(cls):
    assert getattr(sk_sdlr.policies, cls.__name__) is cls
    assert cls.__name__ in sk_sdlr.policies.__all__
