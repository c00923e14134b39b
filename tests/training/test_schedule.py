from functools import partial
from math import cos, pi

import pytest
import torch
from sk_sdlr.training import Budget, LearningRate
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import ExponentialLR, ReduceLROnPlateau, StepLR


def make_optimizer(lr=0.5):
    return SGD([nn.Parameter(torch.zeros(1))], lr=lr)


def rates(optimizer, schedule, n_epochs=4, loss=1.0):
    """The learning rates of the epochs of one run."""
    rate, budget, used = LearningRate(optimizer, schedule), Budget(10, n_epochs), []
    for _ in range(n_epochs):
        rate.set(budget.progress)
        assert rate.current == optimizer.param_groups[0]["lr"]
        used.append(rate.current)
        optimizer.step()
        budget.spend(10)
        rate.after_epoch(loss)
    rate.restore()
    return used


def test_epochs_bound_the_run_whatever_their_rows():
    budget = Budget(n_samples=100, max_epochs=4)
    progress = []
    while not budget.over:
        assert budget.affordable(80) == 80
        budget.spend(10)
        progress.append(budget.progress)
    assert progress == [0.25, 0.5, 0.75, 1]
    assert budget.total_visits is None
    assert (budget.epoch, budget.visits) == (4, 40)


def test_visits_bound_the_run_to_the_row():
    budget = Budget(n_samples=100, max_epochs=1, max_visits=2.5)
    visited = []
    while not budget.over:
        visited.append(budget.affordable(80))
        budget.spend(visited[-1])
    assert visited == [80, 80, 80, 10]
    assert budget.progress == 1
    assert budget.total_visits == 250


def test_a_budget_of_visits_has_at_least_one():
    assert Budget(n_samples=10, max_epochs=1, max_visits=0.01).total_visits == 1


@pytest.mark.parametrize(
    ("anneal", "annealed"),
    [(0.0, []), (0.1, [10]), (0.15, [9, 10]), (0.2, [9, 10]), (0.3, [8, 9, 10])],
)
def test_the_last_share_of_the_epochs_is_annealed(anneal, annealed):
    budget = Budget(n_samples=100, max_epochs=10, anneal=anneal)
    found = []
    while not budget.over:
        if budget.annealing(n_active=50):
            found.append(budget.epoch + 1)
        budget.spend(50)
    assert found == annealed


def test_all_of_the_run_can_be_annealed():
    assert Budget(n_samples=100, max_epochs=10, anneal=1.0).annealing(n_active=1)


def test_with_a_budget_of_visits_an_epoch_that_would_reach_into_the_last_share_is_annealed():
    budget = Budget(n_samples=100, max_epochs=1, max_visits=10, anneal=0.2)
    budget.spend(760)
    assert not budget.annealing(n_active=40)
    assert budget.annealing(n_active=41)


def test_without_a_schedule_the_rate_is_constant():
    assert rates(make_optimizer(), None) == [0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("schedule", "factor"),
    [("linear", lambda share: 1 - share), ("cosine", lambda share: (1 + cos(pi * share)) / 2)],
)
def test_named_schedules_fall_from_the_initial_rate_towards_zero(schedule, factor):
    expected = [0.5 * factor(share) for share in (0, 0.25, 0.5, 0.75)]
    assert rates(make_optimizer(), schedule) == pytest.approx(expected)


def test_named_schedules_follow_the_visits_where_they_bound_the_run():
    optimizer = make_optimizer()
    rate, budget = LearningRate(optimizer, "linear"), Budget(100, 1, max_visits=2)
    budget.spend(50)
    rate.set(budget.progress)
    assert rate.current == pytest.approx(0.5 * 0.75)


@pytest.mark.parametrize("max_visits", [None, 4.0])
def test_progress_goes_on_within_an_epoch(max_visits):
    budget = Budget(100, 4, max_visits=max_visits)
    budget.spend(100)
    within = [budget.progress_within(n_done, 100) for n_done in (0, 50, 100)]
    assert within == [0.25, 0.375, 0.5] == [budget.progress, 0.375, budget.progress_after(100)]


def test_all_groups_keep_their_proportion():
    parameters = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = SGD([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.1}], lr=0.5)
    budget = Budget(10, 2)
    budget.spend(10)
    LearningRate(optimizer, "linear").set(budget.progress)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.25, 0.05])


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (partial(ExponentialLR, gamma=0.5), [0.5, 0.25, 0.125, 0.0625]),
        (partial(StepLR, step_size=2), [0.5, 0.5, 0.05, 0.05]),
        (lambda optimizer: StepLR(optimizer, step_size=1, gamma=2), [0.5, 1, 2, 4]),
    ],
)
def test_torch_schedulers_are_stepped_after_each_epoch(schedule, expected):
    assert rates(make_optimizer(), schedule) == pytest.approx(expected)


def test_a_class_of_torch_will_do():
    # Its defaults: a third of the rate for five epochs.
    used = rates(make_optimizer(0.3), torch.optim.lr_scheduler.ConstantLR, n_epochs=6)
    assert used == pytest.approx([0.1] * 5 + [0.3])


def test_reduce_on_plateau_is_told_the_loss():
    schedule = partial(ReduceLROnPlateau, patience=0)
    assert rates(make_optimizer(), schedule, loss=1.0) == pytest.approx([0.5, 0.5, 0.05, 0.005])


@pytest.mark.parametrize("schedule", ["linear", "cosine", partial(ExponentialLR, gamma=0.5), None])
def test_a_second_run_starts_from_the_initial_rate(schedule):
    optimizer = make_optimizer()
    first = rates(optimizer, schedule)
    assert first[0] == 0.5
    assert rates(optimizer, schedule) == first
