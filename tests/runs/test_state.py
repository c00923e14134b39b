"""Which rows are active, what is known of them, and what the policy is told."""

import pytest
import torch
from torch import Generator

from sk_sdlr.policies import ActiveSet, AutoRecall, FullData
from sk_sdlr.runs._budget import Budget
from sk_sdlr.runs._state import RunState
from sk_sdlr.runs._visited import Visited
from tests.runs.small import Fixed, Spy, exact

N = 10


def make_state(policy=None, max_epochs=5, generator=None, **params):
    policy = policy or FullData()
    bounded = params.pop("bounded_outputs", True)
    return RunState(
        policy, Budget(N, max_epochs, **params), generator or Generator(), bounded_outputs=bounded
    )


def visited(*rows, error=None, **params):
    index = torch.tensor(rows)
    return Visited(index, index.float() if error is None else torch.tensor(error), **params)


def test_errors_of_rows_that_were_not_visited_stay_as_they_were():
    state = make_state()
    assert state.last_error.isnan().all()
    state.end_epoch(visited(3, 5), 2)
    state.end_epoch(visited(5, 7, error=[0.5, 0.75]), 2)
    assert state.last_error[[3, 5, 7]].tolist() == [3, 0.5, 0.75]
    assert state.last_error.isnan().sum() == N - 3


def test_the_policy_is_told_what_the_epoch_knows():
    spy, weight = Spy(), torch.rand(2)
    state = make_state(spy, bounded_outputs=False)
    signals = {"output_error": torch.rand(2)}
    active = state.begin_epoch()
    state.end_epoch(visited(5, 3, signals=signals, sample_weight=weight), 4)
    [(of_epoch, report)] = spy.told
    assert of_epoch is active
    assert (report.index.tolist(), report.error.tolist()) == ([5, 3], [5, 3])
    assert (report.batch_size, report.epoch, report.progress) == (4, 1, 0.2)
    assert report.signals is signals
    assert report.sample_weight is weight
    assert report.bounded_outputs is False


def test_an_active_row_that_was_never_visited_has_the_highest_error_for_the_policy_only():
    spy = Spy()
    state = make_state(spy)
    state.end_epoch(visited(*range(N - 1)), 3)
    assert spy.told[0][1].last_error.tolist() == [*range(N - 1), N - 2]
    assert state.last_error.isnan().tolist() == [False] * (N - 1) + [True]
    partial = Spy(Fixed(torch.tensor([1, 2])))
    make_state(partial).end_epoch(visited(1, 2), 3)
    assert partial.told[0][1].last_error.isnan().sum() == N - 2


def test_the_active_set_is_the_one_chosen_and_its_threshold_is_returned():
    state = make_state(exact())
    assert state.end_epoch(visited(*range(N)), 3) == 1
    assert state.begin_epoch().index.tolist() == list(range(2, N))
    assert make_state().end_epoch(visited(*range(N)), 3) is None


@pytest.mark.parametrize(
    ("params", "n_updates"),
    [
        ({}, 4),  # after the last epoch there is nothing to choose
        ({"full_at_end": 0.4}, 2),  # the third epoch is the last that it chooses
        ({"full_at_end": 1.0}, 0),
        ({"max_passes": 2.5}, 2),  # 10, 8 and 7 visits
    ],
)
def test_the_policy_is_not_asked_for_what_will_not_be_used(params, n_updates):
    spy = Spy(exact())
    state = make_state(spy, **params)
    while not state.budget.over:
        rows = state.begin_epoch().index[: state.budget.affordable(N)]
        state.end_epoch(visited(*rows.tolist()), 3)
    assert len(spy.told) == n_updates


@pytest.mark.parametrize(("min_rows", "n_rows"), [(1, 1), (2, N)])
def test_all_rows_are_active_where_the_active_ones_make_no_batch(min_rows, n_rows):
    state = make_state(Fixed(torch.tensor([4])))
    assert len(state.begin_epoch(min_rows).index) == n_rows


def test_a_state_that_was_loaded_goes_on():
    state, other = (make_state(exact(), generator=Generator().manual_seed(i)) for i in (0, 1))
    state.end_epoch(visited(*range(N)), 3)
    other.load_state_dict(state.state_dict())
    assert other.active.index.tolist() == state.active.index.tolist()
    assert (other.budget.epoch, other.budget.visits) == (1, N)
    assert torch.equal(other.last_error, state.last_error)
    assert torch.equal(other.generator.get_state(), state.generator.get_state())


def test_what_a_policy_remembers_is_of_its_own_kind_again():
    state, other = make_state(AutoRecall()), make_state(AutoRecall())
    signals = {"output_error": torch.rand(N)}
    state.end_epoch(visited(*range(N), signals=signals), 3)
    other.load_state_dict(state.state_dict())
    assert type(other.active) is type(state.active) is not ActiveSet
    assert other.active.bar == state.active.bar > 0


def test_a_policy_that_is_none_of_ours_needs_no_methods_but_two():
    class Own:
        def start(self, n_samples):
            return ActiveSet(torch.arange(n_samples))

        def update(self, active, report, *, generator):
            return ActiveSet(active.index[1:])

    state, other = make_state(Own()), make_state(Own())
    state.end_epoch(visited(*range(N)), 3)
    other.load_state_dict(state.state_dict())
    assert other.begin_epoch().index.tolist() == list(range(1, N))
