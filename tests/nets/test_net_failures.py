"""What goes wrong: divergence, interrupts, errors of others. History has complete epochs only."""

from functools import partial

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from sk_sdlr.policies import FullData
from tests.nets.cases import (
    N_BATCHES,
    N_CLASSES,
    N_FEATURES,
    N_SAMPLES,
    X,
    Y,
    assert_same_bits,
    column,
    make_net,
    shrinking,
)

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
COMPLETE = {
    "epoch", "batches", "n_active", "threshold", "train_loss", "train_loss_best", "lr", "duration",
}  # fmt: skip
IN_THIRD_EPOCH = 2 * N_BATCHES + 4


# Divergence


def diverging(epoch):
    """A schedule that is harmless up to the given epoch, and not after."""
    return partial(LambdaLR, lr_lambda=lambda done: 1.0 if done < epoch - 1 else 1e21)


@pytest.mark.parametrize(
    "params", [{"step": "dense"}, {"step": "autograd"}, {"module__batch_norm": True}]
)
def test_divergence_raises_and_leaves_the_weights_from_before_the_epoch(params):
    params |= {"policy": shrinking(), "optimizer__momentum": 0.5}
    net = make_net(lr_schedule=diverging(3), **params)
    with pytest.raises(FloatingPointError, match=r"in epoch 3, at a learning rate of 1e\+20.*Try"):
        net.fit(X, Y)
    assert column(net, "epoch") == [1, 2]
    assert_same_bits(net, make_net(max_epochs=2, **params).fit(X, Y))
    assert np.isfinite(net.predict(X)).all()


def test_after_a_divergence_a_smaller_rate_helps():
    net = make_net(lr=1e20, optimizer__momentum=0.9)
    with pytest.raises(FloatingPointError, match=r"in epoch 1, .* Try a smaller lr"):
        net.fit(X, Y)
    assert_same_bits(net, make_net().initialize())
    net.set_params(lr=0.1).partial_fit(X, Y)
    assert column(net, "lr") == [0.1] * 4
    assert_same_bits(net, make_net(optimizer__momentum=0.9).fit(X, Y))


def test_data_that_are_not_finite_are_reported_as_divergence():
    spoilt = X.copy()
    spoilt[3, 1] = np.nan
    with pytest.raises(FloatingPointError, match="StandardScaler"):
        make_net().fit(spoilt, Y)


# Interrupts


class Interrupted(nn.Linear):
    """A linear net in whose forward the user presses Ctrl-C."""

    def __init__(self, at):
        super().__init__(N_FEATURES, N_CLASSES)
        self.calls_left = at

    def forward(self, x):
        self.calls_left -= 1
        if not self.calls_left:
            raise KeyboardInterrupt
        return super().forward(x)


@pytest.mark.parametrize(("at", "n_complete"), [(1, 0), (7, 0), (8, 1), (18, 2)])
def test_an_interrupted_fit_warns_and_keeps_complete_epochs(at, n_complete):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    net = make_net(Interrupted, module__at=at, n_threads=threads + 1)
    with pytest.warns(UserWarning, match=f"interrupted after {n_complete} complete epochs"):
        net.fit(X, Y)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert [set(record) for record in net.history] == [COMPLETE] * n_complete
    assert net.predict(X).shape == (N_SAMPLES, N_CLASSES)
    net.partial_fit(X, Y)
    assert column(net, "epoch") == list(range(1, n_complete + 5))


def callback(hook, at, error):
    """A callback that raises an error in the given call of a hook."""
    calls = []

    def count(self, net, *args, **kwargs):
        calls.append(1)
        if len(calls) == at:
            raise error

    return type("Raising", (Callback,), {hook: count})()


@pytest.mark.parametrize(("hook", "n_complete"), [("on_epoch_begin", 2), ("on_epoch_end", 3)])
def test_a_callback_can_stop_the_run_silently_between_epochs(hook, n_complete):
    net = make_net(callbacks=[callback(hook, 3, KeyboardInterrupt())]).fit(X, Y)
    assert column(net, "epoch") == list(range(1, n_complete + 1))
    assert_same_bits(net, make_net(max_epochs=n_complete).fit(X, Y))


@pytest.mark.parametrize("hook", ["on_batch_begin", "on_batch_end", "on_grad_computed"])
def test_a_callback_that_stops_the_run_in_mid_epoch_is_told_of(hook):
    net = make_net(callbacks=[callback(hook, IN_THIRD_EPOCH, KeyboardInterrupt())])
    with pytest.warns(UserWarning, match="interrupted after 2 complete epochs"):
        net.fit(X, Y)
    assert [set(record) for record in net.history] == [COMPLETE] * 2


# Errors of others


class Failure(Exception):
    """Somebody else's."""


def in_module(fail):
    class Module(nn.Linear):
        def forward(self, x):
            fail(IN_THIRD_EPOCH) if self.training else None
            return super().forward(x)

    return {"module": Module, "module__in_features": N_FEATURES, "module__out_features": 2}


def in_criterion(fail):
    class Criterion(nn.CrossEntropyLoss):
        def forward(self, output, target):
            fail(IN_THIRD_EPOCH)
            return super().forward(output, target)

    return {"criterion": Criterion}


def in_policy(fail):
    class Update(FullData):
        def update(self, active, report, *, generator):
            fail(3)
            return active

    return {"policy": Update()}


def in_scheduler(fail):
    class Scheduler(LambdaLR):
        def __init__(self, optimizer):
            super().__init__(optimizer, lambda epoch: 0.5)

        def step(self, epoch=None):
            fail(1 + 3)  # it steps when it is made
            super().step()

    return {"lr_schedule": Scheduler}


PLACES = {
    in_module: 2,
    in_criterion: 2,
    in_policy: 2,
    in_scheduler: 2,
    "on_epoch_begin": 2,
    "on_batch_begin": 2,
    "on_grad_computed": 2,
    "on_batch_end": 2,
    "on_epoch_end": 3,
}


@pytest.mark.parametrize(("place", "n_complete"), PLACES.items())
def test_an_error_comes_out_as_it_was_raised_and_history_has_complete_epochs(place, n_complete):
    failure, calls = Failure("on purpose"), []

    def fail(at):
        calls.append(1)
        if len(calls) == at:
            raise failure

    if isinstance(place, str):
        at = 3 if "epoch" in place else IN_THIRD_EPOCH
        params = {"callbacks": [callback(place, at, failure)]}
    else:
        params = place(fail)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    net = make_net(**{"lr_schedule": "linear", "n_threads": threads + 1} | params)
    with pytest.raises(Failure) as raised:
        net.fit(X, Y)
    assert raised.value is failure
    assert failure.__cause__ is None
    assert [record["epoch"] for record in net.history] == list(range(1, n_complete + 1))
    assert [set(record) for record in net.history] == [COMPLETE] * n_complete
    assert [group["lr"] for group in net.optimizer_.param_groups] == [0.1]
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert net.predict(X).shape == (N_SAMPLES, N_CLASSES)
    net.partial_fit(X, Y, epochs=1)
    assert column(net, "epoch") == list(range(1, n_complete + 2))
