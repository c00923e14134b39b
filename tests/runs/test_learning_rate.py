from functools import partial
from math import cos, pi

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import ConstantLR, ExponentialLR, ReduceLROnPlateau, StepLR

from sk_sdlr.runs._budget import Budget
from sk_sdlr.runs._learning_rate import LearningRate
from sk_sdlr.steps import _chunks
from tests.runs.small import (
    STEPS,
    Fixed,
    N,
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

NAMED = {
    "linear": lambda share: 1 - share,
    "cosine": lambda share: (1 + cos(pi * share)) / 2,
    "constant_cosine": lambda share: 1 if share < 0.5 else (1 + cos(pi * (2 * share - 1))) / 2,
}
SCHEDULES = [*NAMED, None, partial(ExponentialLR, gamma=0.5), ReduceLROnPlateau]


def make_optimizer(*lrs):
    return SGD([{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in lrs])


def epochs(optimizer, schedule, n_epochs=4, loss=1.0):
    """Return the learning rates of each group in the epochs of one run."""
    rate, budget, used = LearningRate(optimizer, schedule), Budget(10, n_epochs), []
    for _ in range(n_epochs):
        rate.begin_epoch(budget)
        used.append([group["lr"] for group in optimizer.param_groups])
        assert rate.current == used[-1][-1]
        optimizer.step()
        budget.spend(10)
        rate.end_epoch({"train_loss": loss})
    rate.restore()
    return used


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (None, [1, 1, 1, 1]),
        *((name, [factor(i / 4) for i in range(4)]) for name, factor in NAMED.items()),
        (partial(ExponentialLR, gamma=0.5), [1, 0.5, 0.25, 0.125]),
        (lambda optimizer: StepLR(optimizer, step_size=2), [1, 1, 0.1, 0.1]),
        (ConstantLR, [1 / 3] * 4),  # a class of torch will do; its defaults
        (partial(ReduceLROnPlateau, patience=0), [1, 1, 0.1, 0.01]),
    ],
)
def test_every_group_follows_the_schedule_from_a_rate_of_its_own_and_gets_it_back(
    schedule, factors
):
    optimizer = make_optimizer(0.5, 0.1)
    expected = [pytest.approx([0.5 * factor, 0.1 * factor]) for factor in factors]
    for _ in range(2):
        assert epochs(optimizer, schedule) == expected
        assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.1]
        assert not any("initial_lr" in group for group in optimizer.param_groups)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_groups_of_a_run_get_their_rates_back(schedule):
    module = make_mlp()
    first, *others = module.parameters()
    optimizer = SGD([{"params": [first], "lr": 0.5}, {"params": others}], lr=0.1)
    run = make_run(module, optimizer=optimizer, lr_schedule=schedule)
    for _ in run:
        one, other = optimizer.param_groups
        assert one["lr"] == pytest.approx(5 * other["lr"])
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.1]


def test_a_rate_that_was_set_by_then_is_the_next_runs():
    run, _ = trained(lr_schedule="linear", max_epochs=2)
    run.optimizer.param_groups[0]["lr"] = 0.5
    _, records = trained(run.module, optimizer=run.optimizer, lr_schedule="linear", max_epochs=2)
    assert column(records, "lr") == [0.5, 0.25]


def test_reduce_on_plateau_is_told_the_validation_loss_where_there_is_one():
    told = []

    class Spying(ReduceLROnPlateau):
        def step(self, loss):
            told.append(loss)
            super().step(loss)

    _, records = trained(lr_schedule=Spying, validation=(X, Y))
    assert told == column(records, "valid_loss")
    _, records = trained(lr_schedule=Spying)
    assert told[4:] == column(records, "train_loss")


# From batch to batch


def noting(seen):
    """Return SGD that notes the rate of each step."""

    class Noting(SGD):
        def step(self, closure=None):
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    return Noting


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("budget", [{"max_epochs": 3}, {"max_passes": 3}])
def test_a_named_schedule_falls_within_epochs_too(budget, name):
    seen, params = [], budget | {"lr": 0.5, "batch_size": 5, "lr_schedule": name}
    _, records = trained(optimizer=noting(seen), **params)
    assert seen == pytest.approx([0.5 * NAMED[name](i / 30) for i in range(30)])
    assert column(records, "lr") == seen[::10]


def test_with_a_budget_of_visits_shorter_epochs_take_less_of_it():
    seen = []
    params = {"optimizer": noting(seen), "lr": 1.0, "batch_size": 10, "lr_schedule": "linear"}
    _, records = trained(policy=exact(), max_passes=2, **params)
    assert column(records, "n_active") == [50, 40, 10]
    assert seen == pytest.approx([1 - i / 10 for i in range(10)])


@pytest.mark.parametrize("weight", [None, torch.linspace(0, 2, N)], ids=["", "weighted"])
@pytest.mark.parametrize("of_policy", [None, torch.linspace(1, 3, N)], ids=["", "of_policy"])
@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("step", STEPS)
def test_the_rate_of_a_batch_does_not_depend_on_how_rows_are_gathered(
    step, name, of_policy, weight, monkeypatch
):
    runs = []
    for chunk_bytes in (1, 20 * X[0].nbytes + 500, 2**18):
        monkeypatch.setattr(_chunks, "CHUNK_BYTES", chunk_bytes)
        policy = Fixed(torch.arange(N), of_policy)
        params = {"lr_schedule": name, "step": step, "policy": policy, "weight": weight}
        runs.append(make_run(**params))
    assert len({run.loop.gather.size for run in runs}) == 3
    histories = [[record | {"duration": 0} for record in run] for run in runs]
    assert histories[0] == histories[1] == histories[2]
    assert_same_bits(*runs)


@pytest.mark.parametrize("name", NAMED)
def test_the_rates_are_the_same_in_closed_form_and_by_autograd(name):
    runs = [trained(step=step, lr=0.5, lr_schedule=name)[0] for step in STEPS]
    torch.testing.assert_close(weights(runs[0]), weights(runs[1]), rtol=1e-5, atol=1e-6)
    constant, _ = trained(step="dense", lr=0.5)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(weights(runs[0]), weights(constant), rtol=1e-3, atol=1e-4)


class Noting:
    """A step that learns nothing, and notes the factors of the batches."""

    def __init__(self):
        self.factors = []

    def __call__(self, batches):
        self.factors += batches.lr_factors
        batches.error.zero_()
        return batches.x

    def close(self):
        pass


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        # An epoch on 20 rows of batches of 8 is as much of the run as one on all 50 rows.
        ({"max_epochs": 2}, [(1 + begin / 20) / 2 for begin in (0, 8, 16)]),
        # By visits it is as much as its rows are.
        ({"max_passes": 1.2}, [(40 + begin) / 60 for begin in (0, 8, 16)]),
    ],
)
def test_the_rate_falls_with_the_batches_of_an_epoch_on_a_part_of_the_rows(budget, expected):
    step = Noting()
    trained(policy=Fixed(torch.arange(20)), given_step=step, lr_schedule="linear", **budget)
    assert step.factors[-3:] == pytest.approx([1 - progress for progress in expected])
