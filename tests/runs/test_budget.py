import pytest

from sk_sdlr.runs import TrainingSettings
from sk_sdlr.runs._budget import Budget


def test_epochs_bound_the_run_whatever_their_rows():
    budget, progress = Budget(n_samples=100, max_epochs=4), []
    while not budget.over:
        assert budget.affordable(80) == 80
        budget.spend(10)
        progress.append(budget.progress)
    assert progress == [0.25, 0.5, 0.75, 1]
    assert budget.max_visits is None
    assert (budget.epoch, budget.visits) == (4, 40)


def test_passes_bound_the_run_to_the_row():
    budget, visited = Budget(n_samples=100, max_epochs=1, max_passes=2.5), []
    while not budget.over:
        visited.append(budget.affordable(80))
        budget.spend(visited[-1])
    assert visited == [80, 80, 80, 10]
    assert budget.progress == 1
    assert budget.max_visits == 250


def test_a_budget_of_passes_has_at_least_one_visit():
    assert Budget(n_samples=10, max_epochs=1, max_passes=0.01).max_visits == 1


def test_epochs_beyond_the_budget_are_no_more_than_all_of_it():
    budget = Budget(n_samples=10, max_epochs=1)
    budget.spend(10)
    budget.spend(10)
    assert budget.progress == 1


@pytest.mark.parametrize(
    ("full_at_end", "full"),
    [(0.0, []), (0.1, [10]), (0.15, [9, 10]), (0.2, [9, 10]), (0.3, [8, 9, 10])],
)
def test_the_last_share_of_the_epochs_is_on_all_rows(full_at_end, full):
    budget, found = Budget(n_samples=100, max_epochs=10, full_at_end=full_at_end), []
    while not budget.over:
        if budget.is_full(n_active=50):
            found.append(budget.epoch + 1)
        budget.spend(50)
    assert found == full


def test_all_of_the_run_can_be_on_all_rows():
    assert Budget(n_samples=100, max_epochs=10, full_at_end=1.0).is_full(n_active=1)


def test_an_epoch_that_would_reach_into_the_last_share_of_the_visits_is_on_all_rows():
    budget = Budget(n_samples=100, max_epochs=1, max_passes=10, full_at_end=0.2)
    budget.spend(760)
    assert not budget.is_full(n_active=40)
    assert budget.is_full(n_active=41)


@pytest.mark.parametrize("max_passes", [None, 2.0])
def test_progress_goes_on_from_row_to_row(max_passes):
    budget = Budget(n_samples=100, max_epochs=4, max_passes=max_passes)
    budget.spend(50)
    after = budget.progress_after(40)
    assert after == pytest.approx(budget.progress + 40 * budget.progress_of_row(40))
    budget.spend(40)
    assert budget.progress == after


def test_it_is_that_of_the_settings():
    settings = TrainingSettings(max_epochs=7, max_passes=3, full_at_end=0.5)
    assert Budget.of(settings, 100) == Budget(100, 7, 3, 0.5, epoch=0, visits=0)
