"""Rows that are visited: each once, with their weights, and their errors kept."""

import pytest
import torch
from sk_sdlr.training import Budget, _batches
from sk_sdlr.training._rows import TrainingRows

from sk_sdlr.policies import ActiveSet

N = 20
X, Y = torch.arange(N).float()[:, None], torch.arange(N)
PARTS = range(0, N, 3)


class Recorder:
    """A step that notes what it is given.

    The error of a row is its number, that of its outputs what this lacks to 100.
    """

    def __init__(self):
        self.rows, self.weights, self.asked = [], [], set()

    def __call__(self, x, y, weight, error, batch_size, output_error):
        self.asked.add(output_error is not None)
        if output_error is not None:
            output_error.copy_(100 - x[:, 0])
        assert torch.equal(x[:, 0].long(), y)
        self.rows += y.tolist()
        self.weights += [None] * len(y) if weight is None else weight.tolist()
        error.copy_(x[:, 0])


def visit(active, *weights, max_visits=None, **outputs):
    step = Recorder()
    rows = TrainingRows((X, Y, *weights), batch_size=3, dtype=torch.float32, **outputs)
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


# Errors of the outputs


def test_errors_of_the_outputs_are_not_asked_for_unless_they_are_to_be_kept():
    step, errors = visit(ActiveSet(torch.arange(N)))
    assert step.asked == {False}
    assert not errors.signals


@pytest.mark.parametrize("is_bounded", [True, False])
@pytest.mark.parametrize("of_user", [False, True])
@pytest.mark.parametrize("of_policy", [False, True])
@pytest.mark.parametrize("max_visits", [None, 0.35])
def test_errors_of_the_outputs_are_in_the_order_of_the_visits_and_without_weights(
    max_visits, of_policy, of_user, is_bounded, monkeypatch
):
    monkeypatch.setattr(_batches, "CHUNK_BYTES", 1)
    active = torch.arange(0, N, 2)
    user = torch.linspace(1, 2, N)
    step, errors = visit(
        ActiveSet(active, torch.linspace(3, 5, len(active)) if of_policy else None),
        *([user] if of_user else []),
        max_visits=max_visits,
        keep_outputs=True,
        is_bounded=is_bounded,
    )
    assert step.asked == {True}
    assert len(step.rows) == (7 if max_visits else 10)
    assert errors.signals["output_error"].tolist() == [100 - row for row in step.rows]
    assert errors.bounded_outputs is is_bounded
    if of_user:
        assert torch.equal(errors.sample_weight, user[errors.index])
    else:
        assert errors.sample_weight is None


def test_errors_of_the_outputs_of_an_epoch_are_not_overwritten_by_the_next():
    rows = TrainingRows((X, Y), 3, torch.float32, keep_outputs=True)
    budget, generator = Budget(N, 2), torch.Generator().manual_seed(0)
    first = rows.visit(ActiveSet(torch.arange(N)), Recorder(), budget, generator)
    before = first.signals["output_error"].clone()
    rows.visit(ActiveSet(torch.arange(5)), Recorder(), budget, generator)
    assert torch.equal(first.signals["output_error"], before)


# Batches of at least so many rows


def visited(n_active, batch_size, least, *, max_visits=None, rows=None):
    """Return the rows of an epoch, in the order visited."""
    step = Recorder()
    rows = rows or TrainingRows((X, Y), batch_size, torch.float32, least)
    budget = Budget(N, 2, max_visits)
    errors = rows.visit(ActiveSet(torch.arange(n_active)), step, budget, torch.Generator())
    assert errors.index.tolist() == step.rows == errors.error.tolist()
    return step.rows


@pytest.mark.parametrize(
    ("n_active", "batch_size", "least", "n_visited"),
    [
        (20, 3, 2, 20),
        (19, 3, 2, 18),
        (19, 3, 1, 19),
        (18, 3, 2, 18),
        (20, 19, 2, 19),
        (20, 20, 2, 20),
        (20, 50, 2, 20),
        (20, 6, 3, 18),
        (20, 6, 2, 20),
        (2, 3, 2, 2),
        (4, 3, 2, 3),
        (1, 3, 1, 1),
    ],
)
def test_a_last_batch_of_too_few_rows_is_left_out(n_active, batch_size, least, n_visited):
    rows = visited(n_active, batch_size, least)
    assert len(rows) == len(set(rows)) == n_visited
    assert set(rows) <= set(range(n_active))


def test_what_the_budget_cuts_off_is_left_out_in_the_same_way():
    assert len(visited(N, 3, 2, max_visits=0.35)) == 6
    assert len(visited(N, 3, 2, max_visits=0.4)) == 8


def test_other_rows_are_left_out_in_other_epochs_and_keep_their_last_error():
    rows = TrainingRows((X, Y), 19, torch.float32, 2)
    budget, generator = Budget(N, 50), torch.Generator().manual_seed(0)
    left_out, before = set(), None
    for _ in range(50):
        errors = rows.visit(ActiveSet(torch.arange(N)), Recorder(), budget, generator)
        [row] = set(range(N)) - set(errors.index.tolist())
        assert before is None or row in left_out or errors.last_error[row] == row
        left_out.add(row)
        before = row
    assert len(left_out) > 10


@pytest.mark.parametrize(("n_samples", "batch_size"), [(1, 8), (20, 1), (2, 1)])
def test_batches_that_can_never_have_enough_rows_are_refused(n_samples, batch_size):
    message = f"at least 2 rows, however: n_samples={n_samples}, batch_size={batch_size}."
    with pytest.raises(ValueError, match=message):
        TrainingRows((X[:n_samples], Y[:n_samples]), batch_size, torch.float32, least=2)
    TrainingRows((X[:n_samples], Y[:n_samples]), batch_size, torch.float32)


@pytest.mark.parametrize("max_visits", [None, 2.0])
def test_progress_is_told_between_the_parts_of_an_epoch(max_visits):
    rows, told = TrainingRows((X, Y), batch_size=3, dtype=torch.float32), []
    budget, generator = Budget(N, 2, max_visits), torch.Generator()
    for _ in range(2):
        rows.visit(ActiveSet(torch.arange(N)), Recorder(), budget, generator, told.append)
        budget.spend(N)
    assert told == pytest.approx([(epoch + begin / N) / 2 for epoch in (0, 1) for begin in PARTS])
