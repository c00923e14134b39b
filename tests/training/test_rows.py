"""Rows that are visited: each once, with their weights, and their errors kept."""

import pytest
import torch

from sk_sdlr.policies import ActiveSet
from sk_sdlr.training import Budget
from sk_sdlr.training._rows import TrainingRows

N = 20
X, Y = torch.arange(N).float()[:, None], torch.arange(N)


class Recorder:
    """A step that notes what it is given; the error of a row is its number."""

    def __init__(self):
        self.rows, self.weights = [], []

    def __call__(self, x, y, weight, error, batch_size):
        assert torch.equal(x[:, 0].long(), y)
        self.rows += y.tolist()
        self.weights += [None] * len(y) if weight is None else weight.tolist()
        error.copy_(x[:, 0])


def visit(active, *weights, max_visits=None):
    step = Recorder()
    rows = TrainingRows((X, Y, *weights), batch_size=3, dtype=torch.float32)
    budget = Budget(N, 2, max_visits)
    errors = rows.visit(active, step, budget, torch.Generator().manual_seed(0))
    return step, errors


def test_each_active_row_is_visited_once_in_random_order():
    active = torch.arange(0, N, 2)
    step, errors = visit(ActiveSet(active))
    assert sorted(step.rows) == active.tolist() != step.rows
    assert errors.index.tolist() == step.rows == errors.error.tolist()


def test_errors_of_rows_that_are_not_visited_stay_as_they_were():
    _, errors = visit(ActiveSet(torch.tensor([3, 5])))
    assert errors.last_error[[3, 5]].tolist() == [3, 5]
    assert errors.last_error.isnan().sum() == N - 2


def test_no_more_rows_are_visited_than_the_budget_allows():
    step, errors = visit(ActiveSet(torch.arange(N)), max_visits=0.35)
    assert len(step.rows) == len(errors.index) == 7


@pytest.mark.parametrize("of_user", [False, True])
@pytest.mark.parametrize("of_policy", [False, True])
def test_weights_multiply_and_only_the_users_are_in_the_errors(of_user, of_policy):
    index = torch.tensor([2, 4, 7])
    user, policy = torch.linspace(1, 2, N), torch.tensor([5.0, 3.0, 2.0])
    step, errors = visit(
        ActiveSet(index, policy if of_policy else None), *([user] if of_user else [])
    )
    for row, weight, error in zip(step.rows, step.weights, errors.error.tolist(), strict=True):
        mine = user[row].item() if of_user else 1.0
        theirs = policy[index.tolist().index(row)].item() if of_policy else 1.0
        assert error == pytest.approx(row * mine)
        assert weight == (pytest.approx(mine * theirs) if of_user or of_policy else None)
