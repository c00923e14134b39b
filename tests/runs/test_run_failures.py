"""What goes wrong while a run trains, and what is left then."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

import sk_sdlr
from sk_sdlr.policies import FullData
from sk_sdlr.runs._listener import Listener
from tests.runs.small import (
    N_CLASSES,
    N_FEATURES,
    X,
    Y,
    assert_same_bits,
    column,
    exact,
    make_mlp,
    make_run,
    trained,
    weights,
)


def collect(run, records):
    """Train, and keep the records also if something is raised."""
    for record in run:
        records.append(record)


# Divergence


def diverging(epoch):
    """A schedule that is harmless up to the given epoch, and not after."""
    return partial(LambdaLR, lr_lambda=lambda done: 1.0 if done < epoch - 1 else 1e21)


@pytest.mark.parametrize("kind", ["dense", "autograd", "batch_norm"])
def test_divergence_raises_and_leaves_the_weights_from_before_the_epoch(kind):
    batch_norm = kind == "batch_norm"
    params = {"policy": exact(), "optimizer_params": {"momentum": 0.5}}
    params |= {"step": "autograd" if batch_norm else kind}
    run = make_run(make_mlp(batch_norm=batch_norm), lr_schedule=diverging(3), **params)
    records = []
    with pytest.raises(FloatingPointError, match=r"in epoch 3, at a learning rate of 1e\+20.*Try"):
        collect(run, records)
    assert column(records, "epoch") == [1, 2]
    same, _ = trained(make_mlp(batch_norm=batch_norm), max_epochs=2, **params)
    assert_same_bits(run, same)
    assert run.module(X).isfinite().all()
    assert not run.optimizer.state
    assert [group["lr"] for group in run.optimizer.param_groups] == [0.1]


def test_divergence_in_the_first_epoch_leaves_the_initial_weights():
    run = make_run(lr=1e20)
    with pytest.raises(FloatingPointError, match=r"in epoch 1, at a learning rate of 1e\+20"):
        list(run)
    assert_same_bits(run, make_run())


def test_divergence_leaves_the_last_finite_weights_even_if_others_were_better():
    # The rate is so high in epoch 2 that the net gets worse, and in epoch 3 that it diverges.
    rates = [1.0, 300.0, 1e21]
    schedule = partial(LambdaLR, lr_lambda=lambda done: rates[min(done, 2)])
    stopping = {"validation": (X, Y), "n_iter_no_change": 9}
    run = make_run(lr_schedule=schedule, **stopping)
    records = iter(run)
    first, second = next(records), next(records)
    last_finite = weights(run)
    with pytest.raises(FloatingPointError, match="in epoch 3"):
        next(records)
    assert second["valid_loss"] > first["valid_loss"]
    torch.testing.assert_close(weights(run), last_finite, rtol=0, atol=0)


@pytest.mark.parametrize("row", [0, 33])
def test_data_that_are_not_finite_are_reported_as_divergence(row):
    spoilt = X.clone()
    spoilt[row, 1] = torch.nan
    with pytest.raises(FloatingPointError, match="StandardScaler"):
        list(make_run(data=(spoilt, Y)))


# What others raise


class Failure(Exception):
    """Somebody else's."""


class FailsAt:
    """Raises an error in a call, counted from 1."""

    def __init__(self, call, error):
        self.calls_left, self.error = call, error

    def __call__(self, *args, **kwargs):
        self.calls_left -= 1
        if not self.calls_left:
            raise self.error


IN_THIRD_EPOCH = 2 * 7 + 4  # in its fourth batch


def failing(place, error):
    """Return parameters of a run in which an error is raised in the third epoch."""
    fail = FailsAt(IN_THIRD_EPOCH if place in IN_BATCH else 3, error)

    class Module(nn.Linear):
        def forward(self, x):
            fail()
            return super().forward(x)

    class Criterion(nn.CrossEntropyLoss):
        def forward(self, output, target):
            fail()
            return super().forward(output, target)

    class Update(FullData):
        def update(self, active, report, *, generator):
            fail()
            return active

    class Scheduler(LambdaLR):
        def __init__(self, optimizer):
            super().__init__(optimizer, lambda epoch: 0.5)
            self.step = fail  # once it is made

    if place.startswith("on_"):
        wants = {"wants_epochs": True, "wants_batches": True, "wants_gradients": True}
        return {"listener": type("Fails", (Listener,), wants | {place: fail})()}
    return {
        "module": {"module": Module(N_FEATURES, N_CLASSES)},
        "criterion": {"criterion": Criterion()},
        "policy": {"policy": Update()},
        "lr_schedule": {"lr_schedule": Scheduler},
    }[place]


IN_BATCH = ["module", "criterion", "on_batch_begin", "on_batch_end", "on_gradients"]
BETWEEN = ["policy", "lr_schedule", "on_epoch_begin"]


@pytest.mark.parametrize("place", IN_BATCH + BETWEEN)
def test_an_error_comes_out_as_it_was_raised_and_nothing_global_is_changed(place):
    threads, failure, records = torch.get_num_threads(), Failure("on purpose"), []
    params = {"lr_schedule": "linear", "n_threads": threads + 1} | failing(place, failure)
    run, state = make_run(**params), torch.get_rng_state()
    with pytest.raises(Failure) as raised:
        collect(run, records)
    assert raised.value is failure
    assert failure.__cause__ is None
    assert column(records, "epoch") == [1, 2]
    assert [group["lr"] for group in run.optimizer.param_groups] == [0.1]
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert all(tensor.isfinite().all() for tensor in weights(run).values())


@pytest.mark.parametrize("place", IN_BATCH)
def test_an_interrupt_in_mid_epoch_warns_with_the_number_of_complete_epochs(place):
    threads = torch.get_num_threads()
    run = make_run(n_threads=threads + 1, **failing(place, KeyboardInterrupt))
    state = torch.get_rng_state()
    with (
        pytest.warns(UserWarning, match="interrupted after 2 complete epochs; the net is as"),
        pytest.raises(KeyboardInterrupt),
    ):
        list(run)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_an_interrupt_between_epochs_is_silent():
    with pytest.raises(KeyboardInterrupt):
        list(make_run(**failing("on_epoch_begin", KeyboardInterrupt)))


SCRIPT = """
import torch
from torch import nn
from sk_sdlr.modules import MLP
from sk_sdlr.runs import Run, TrainingData, TrainingSettings
from sk_sdlr.steps import Objective

module = MLP(3, 2)
loop = iter(Run(
    module,
    Objective(nn.CrossEntropyLoss()),
    torch.optim.AdamW(module.parameters()),
    TrainingData(torch.randn(50, 3), torch.arange(50) % 2),
    TrainingSettings(weight_average=0.1),
    generator=torch.Generator(),
))
next(loop)
"""


def test_a_process_may_end_while_a_loop_is_open(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    root = Path(sk_sdlr.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, tmp_path / "script.py"],
        env=os.environ | {"PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
