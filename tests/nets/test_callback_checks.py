from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, SequentialSampler

from sk_sdlr.nets import ActiveSetNet, PolicyCallback
from sk_sdlr.nets._sampler import SAMPLER, ActiveRows
from sk_sdlr.policies import ActiveSet, FullData, Policy, ShrinkRecall
from tests.nets.cases import N_SAMPLES, NUMBERED, SIZES, Rows, Spy, Y, column, shrinking
from tests.nets.stock import at_batch, make_stock, rows_of

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")


@dataclass
class Weighted(Policy):
    def start(self, n_samples):
        return ActiveSet(torch.arange(n_samples), weight=torch.ones(n_samples))

    def update(self, active, report, *, generator):
        return active


@dataclass
class LateWeights(Policy):
    def update(self, active, report, *, generator):
        return replace(active, weight=torch.ones(active.index.shape[0]))


@dataclass
class SaysSo(FullData):
    is_weighted = True


class OnlyStarts:
    def start(self, n_samples):
        return ActiveSet(torch.arange(n_samples))


def assert_refused(net, error, match):
    """Refused before a single batch, and without a trace."""
    with pytest.raises(error, match=match):
        net.fit(NUMBERED, Y)
    assert not getattr(net, "history", None) or not net.history[-1]["batches"]
    assert not isinstance(vars(net).get(SAMPLER), ActiveRows)
    if hasattr(net, "module_") and isinstance(net.module_, Rows):
        assert not net.module_.batches


# Policies and parameters


@pytest.mark.parametrize("policy", [SaysSo(), Weighted()])
def test_policies_that_weigh_rows_are_refused(policy):
    assert_refused(make_stock(policy), TypeError, r"must not weigh rows.*ActiveSetNet")


def test_weights_that_come_later_are_refused_too():
    net = make_stock(LateWeights())
    with pytest.raises(TypeError, match=r"must not weigh rows.*ActiveSetNet"):
        net.fit(NUMBERED, Y)
    assert len(rows_of(net)) == N_SAMPLES


@pytest.mark.parametrize("policy", ["shrink", 3, ShrinkRecall, OnlyStarts()])
def test_what_is_no_policy_is_refused(policy):
    match = "'policy' parameter of PolicyCallback must be a Policy. Got .* instead"
    with pytest.raises(TypeError, match=match):
        PolicyCallback(policy).initialize()
    assert_refused(make_stock(policy), TypeError, match)


def test_what_looks_like_a_policy_is_one():
    class Own:
        def start(self, n_samples):
            return ActiveSet(torch.arange(n_samples))

        def update(self, active, report, *, generator):
            return ActiveSet(active.index[1:])

    assert column(make_stock(Own()).fit(NUMBERED, Y), "n_active") == [50, 49, 48, 47]


@pytest.mark.parametrize("full_at_end", [-0.1, 1.1, float("nan"), "x"])
def test_a_share_out_of_its_range_is_refused(full_at_end):
    match = rf"'full_at_end' parameter .* range \[0, 1\]. Got {full_at_end!r} instead"
    assert_refused(make_stock(FullData(), full_at_end), ValueError, match)


def test_parameters_set_after_initialize_are_checked():
    net = make_stock(FullData()).initialize()
    net.set_params(callbacks__PolicyCallback__full_at_end=2)
    with pytest.raises(ValueError, match="'full_at_end' parameter"):
        net.partial_fit(NUMBERED, Y)


# Nets


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        (
            {"iterator_train__sampler": SequentialSampler(Y)},
            ValueError,
            "iterator_train__sampler must be None.*Got .*SequentialSampler.* instead",
        ),
        (
            {"iterator_train__batch_sampler": [[1, 2]]},
            ValueError,
            "iterator_train__batch_sampler must be None",
        ),
        ({"iterator_train__in_order": False}, ValueError, "iterator_train__in_order must be True"),
        ({"criterion": lambda: nn.Sequential()}, TypeError, "'reduction'.*Got Sequential instead"),
        ({"callbacks": [PolicyCallback(FullData())]}, ValueError, "must have one PolicyCallback"),
    ],
)
def test_nets_of_which_the_rows_cannot_be_chosen_are_refused(params, error, match):
    assert_refused(make_stock(FullData(), **params), error, match)


def test_a_sampler_of_none_is_none():
    net = make_stock(shrinking(), iterator_train__sampler=None).fit(NUMBERED, Y)
    assert column(net, "n_active") == SIZES[:4]
    assert net.get_params()["iterator_train__sampler"] is None


def test_an_active_set_net_takes_the_policy_itself():
    net = ActiveSetNet(Rows, callbacks=[PolicyCallback(shrinking())], verbose=0)
    assert_refused(net, TypeError, "must be given to a stock skorch net.*ActiveSetNet.*`policy=`")


def test_rows_without_numbers_are_refused_by_the_loader():
    class Stream(IterableDataset):
        def __iter__(self):
            return zip(NUMBERED, Y, strict=True)

        def __len__(self):
            return N_SAMPLES

    with pytest.raises(ValueError, match=r"IterableDataset.*sampler=.*ActiveRows"):
        make_stock(FullData()).fit(Stream(), y=None)


# Loaders that do not visit the rows


class Ignoring(DataLoader):
    def __init__(self, dataset, sampler=None, **kwargs):
        super().__init__(dataset, **kwargs)


class Shortening(DataLoader):
    def __iter__(self):
        return iter(list(super().__iter__())[:-1])


class Repeating(DataLoader):
    def __iter__(self):
        return iter([*super().__iter__(), *super().__iter__()])


@pytest.mark.parametrize(
    ("iterator", "visits"),
    [(Ignoring, "8 rows of its own choice"), (Shortening, "48 rows"), (Repeating, "100 rows")],
)
def test_batches_of_other_rows_are_an_error(iterator, visits):
    net = make_stock(Spy(), iterator_train=iterator)
    with pytest.raises(RuntimeError, match=f"must visit the 50 rows.* It visits {visits} instead"):
        net.fit(NUMBERED, Y)
    assert len(net.history) == 1


def test_a_fit_loop_that_it_did_not_see_begin_is_an_error():
    with pytest.raises(RuntimeError, match="needs fit or partial_fit"):
        make_stock(shrinking()).initialize().fit_loop(NUMBERED, Y)
    net = make_stock(shrinking(), callbacks=[at_batch(10, ZeroDivisionError())])
    with pytest.raises(ZeroDivisionError):
        net.fit(NUMBERED, Y)
    with pytest.raises(RuntimeError, match="of its own choice"):
        net.fit_loop(NUMBERED, Y)
