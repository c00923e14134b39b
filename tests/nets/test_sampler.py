"""The sampler is in the net's parameters while its DataLoader is made, and at no other time."""

import pickle
from copy import deepcopy

import pytest
import torch
from sklearn.base import clone
from skorch.callbacks import Checkpoint
from torch import Generator, nn
from torch.utils.data import RandomSampler

from sk_sdlr.nets import PolicyCallback
from sk_sdlr.nets._sampler import SAMPLER, SHUFFLE, ActiveRows, plant_sampler, withdraw_sampler
from tests.nets.cases import (
    N_CLASSES,
    N_FEATURES,
    NUMBERED,
    SIZES,
    Spy,
    Y,
    assert_same_bits,
    column,
    make_data,
    shrinking,
)
from tests.nets.stock import Watch, assert_untouched, at_batch, make_stock

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
LINEAR = {
    "module": nn.Linear,
    "module__in_features": N_FEATURES + 1,
    "module__out_features": N_CLASSES,
}


def with_shuffle(value):
    return {} if value is None else {SHUFFLE: value}


# The sampler by itself


def test_rows_come_in_their_order_or_in_that_of_torchs_own_sampler():
    index = torch.tensor([7, 3, 9, 1, 4])
    sampler = ActiveRows(shuffle=False, generator=None)
    sampler.set(index)
    assert list(sampler) == sampler.order.tolist() == index.tolist()
    assert len(sampler) == 5
    sampler = ActiveRows(shuffle=True, generator=Generator().manual_seed(0))
    sampler.set(index)
    order = list(RandomSampler(range(5), generator=Generator().manual_seed(0)))
    assert list(sampler) == sampler.order.tolist() == index[order].tolist()
    sampler.set(index)
    assert not len(sampler.order)  # until it is asked


def test_a_sampler_without_rows_says_where_it_comes_from():
    with pytest.raises(RuntimeError, match="left from a fit that failed early"):
        list(ActiveRows(shuffle=False, generator=None))


@pytest.mark.parametrize("shuffle", [None, False, True])
@pytest.mark.parametrize("given", [{}, {SAMPLER: None}])
def test_what_is_planted_can_be_withdrawn(shuffle, given):
    net = make_stock(**with_shuffle(shuffle), **given)
    before = net.get_params(deep=False)
    plant_sampler(net)
    params = net.get_params_for("iterator_train")
    assert isinstance(params["sampler"], ActiveRows)
    assert params["sampler"].shuffle is bool(shuffle)
    assert not params.get("shuffle")
    assert withdraw_sampler(net) is params["sampler"]
    assert net.get_params(deep=False) == before
    assert withdraw_sampler(net) is None
    assert net.get_params(deep=False) == before


# What a fit leaves


@pytest.mark.parametrize("shuffle", [None, False, True])
@pytest.mark.parametrize(
    "hook", ["on_epoch_begin", "on_batch_begin", "on_batch_end", "on_epoch_end", "on_train_end"]
)
def test_the_net_is_as_it_was_while_it_trains(hook, shuffle):
    seen = []

    def look(net):
        seen.append(net)
        assert_untouched(net, shuffle)
        assert SAMPLER not in clone(net).get_params()
        assert b"ActiveRows" not in pickle.dumps(net.get_params(deep=False)["callbacks"][:1])

    callbacks = [Watch(hook, look)]
    net = make_stock(shrinking(), max_epochs=2, callbacks=callbacks, **with_shuffle(shuffle))
    net.fit(NUMBERED, Y)
    assert seen
    assert column(net, "n_active") == [50, 40]
    assert_untouched(net, shuffle)


class Once:
    """A split that fails the first time."""

    def __init__(self, failed=False):
        self.failed = failed

    def __call__(self, dataset, y=None, **kwargs):
        if not self.failed:
            self.failed = True
            raise ZeroDivisionError
        return dataset, None


@pytest.mark.parametrize("shuffle", [None, True])
@pytest.mark.parametrize("copied", [lambda net: net, clone, deepcopy], ids=["it", "clone", "copy"])
def test_a_fit_that_failed_before_its_first_epoch_is_cleaned_up_by_the_next(copied, shuffle):
    net = make_stock(shrinking(), train_split=Once(), **with_shuffle(shuffle))
    with pytest.raises(ZeroDivisionError):
        net.fit(NUMBERED, Y)
    with pytest.raises(RuntimeError, match="left from a fit that failed"):
        net.forward(NUMBERED, training=True)
    other = copied(net)
    other.fit(NUMBERED, Y)
    assert column(other, "n_active") == SIZES[:4]
    assert_untouched(other, shuffle)


def test_a_fit_of_no_epochs_leaves_nothing():
    assert_untouched(make_stock(shrinking(), max_epochs=0).fit(NUMBERED, Y))


def test_an_error_in_mid_epoch_leaves_nothing_to_the_next_fit():
    callbacks = [at_batch(10, ZeroDivisionError())]
    net = make_stock(spy := Spy(shrinking()), callbacks=callbacks)
    with pytest.raises(ZeroDivisionError):
        net.fit(NUMBERED, Y)
    assert_untouched(net)
    assert "run_" not in vars(deepcopy(net.callbacks_)[-2][1])
    spy.told.clear()
    net.fit(NUMBERED, Y)
    assert column(net, "n_active") == SIZES[:4]
    assert [told.epoch for told in spy.told] == [1, 2, 3]


def test_an_interrupt_in_mid_epoch_is_the_end_of_the_run():
    net = make_stock(shrinking(), callbacks=[at_batch(9, KeyboardInterrupt())]).fit(NUMBERED, Y)
    assert column(net, "n_active") == [50, 40]  # skorch keeps the epoch that was cut short
    assert_untouched(net)
    net.partial_fit(NUMBERED, Y)
    assert column(net, "n_active") == [50, 40, *SIZES[:4]]


def test_each_fit_is_a_run_of_its_own():
    net = (
        make_stock(shrinking(), full_at_end=0.25).partial_fit(NUMBERED, Y).partial_fit(NUMBERED, Y)
    )
    assert column(net, "n_active") == [50, 40, 32, 50] * 2
    net.partial_fit(NUMBERED[:20], Y[:20])
    assert column(net, "n_active")[8:] == [20, 16, 13, 20]
    assert net.callbacks_[-2][1].run_ is None
    assert column(net.fit(NUMBERED, Y), "n_active") == [50, 40, 32, 50]
    warm = make_stock(shrinking(), warm_start=True).fit(NUMBERED, Y).fit(NUMBERED, Y)
    assert column(warm, "n_active") == SIZES[:4] * 2


# Copies


@pytest.mark.parametrize("copied", [clone, deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
@pytest.mark.parametrize("fitted", [False, True])
def test_copies_fit_as_the_original_does(copied, fitted):
    net = make_stock(shrinking(s=0.3), full_at_end=0.25, module__dropout=0.1)
    if fitted:
        net.fit(NUMBERED, Y)
    other = copied(net)
    torch.manual_seed(1)
    assert column(other.fit(NUMBERED, Y), "n_active") == [50, 35, 25, 50]
    torch.manual_seed(1)
    assert_same_bits(net.fit(NUMBERED, Y), other)
    mine, others = net.callbacks_[-2][1], other.callbacks_[-2][1]
    assert isinstance(others, PolicyCallback)
    assert others is not mine
    assert others.get_params() == mine.get_params()


def test_a_pickle_holds_no_rows():
    X, y = make_data(5000)
    nets = [
        make_stock(policy, **LINEAR | {"module__in_features": N_FEATURES})
        for policy in (None, shrinking())
    ]
    sizes = [len(pickle.dumps(net.set_params(batch_size=-1).fit(X, y))) for net in nets]
    assert sizes[1] - sizes[0] < 1000


def test_a_pickle_made_during_the_training_holds_no_rows(tmp_path):
    other_files = dict.fromkeys(["f_params", "f_optimizer", "f_criterion", "f_history"])
    checkpoint = Checkpoint(monitor=None, dirname=tmp_path, f_pickle="net.pkl", **other_files)
    make_stock(shrinking(), callbacks=[checkpoint], **LINEAR).fit(NUMBERED, Y)
    content = (tmp_path / "net.pkl").read_bytes()
    assert b"PolicyCallback" in content
    assert b"ActiveRows" not in content
    net = pickle.loads(content)
    assert_untouched(net)
    assert column(net.fit(NUMBERED, Y), "n_active") == SIZES[:4]
