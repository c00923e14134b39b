"""What a policy is told of an epoch, and what weights of rows do."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.optim import SGD

from sk_sdlr.policies import ActiveSet, AutoRecall
from sk_sdlr.runs._listener import Listener
from sk_sdlr.steps import SquaredError
from tests.runs.small import (
    STEPS,
    Fixed,
    N,
    NeedsOutputs,
    Spy,
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

every_step = pytest.mark.parametrize("step", STEPS)
ALL_ROWS = torch.arange(N)


class Watching(Listener):
    wants_batches = True


watched_or_not = pytest.mark.parametrize(
    "listener", [None, Watching()], ids=["unwatched", "watched"]
)


def losses_of(module, rows=slice(None)):
    return nn.functional.cross_entropy(module(X[rows]), Y[rows], reduction="none")


@every_step
def test_the_policy_is_told_the_errors_of_the_training_pass(step):
    spy = Spy()
    by_hand = make_mlp()
    _, records = trained(deepcopy(by_hand), policy=spy, step=step, max_epochs=2)
    _, told = spy.told[0]
    optimizer = SGD(by_hand.parameters(), lr=0.1)
    expected = []
    for rows in told.index.split(8):
        losses = losses_of(by_hand, rows)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        expected.append(losses.detach())
    torch.testing.assert_close(told.error, torch.cat(expected))
    assert records[0]["train_loss"] == pytest.approx(float(told.error.mean()))
    assert (told.batch_size, told.epoch, told.progress) == (8, 1, 0.5)
    assert told.sample_weight is None


def test_progress_is_in_visits_where_visits_bound_the_run():
    spy = Spy()
    list(make_run(policy=spy, max_passes=2.5))
    assert [(report.epoch, report.progress) for _, report in spy.told] == [(1, 0.4), (2, 0.8)]


def test_the_table_holds_the_last_error_of_every_row():
    spy = Spy(exact())
    run, _ = trained(policy=spy, max_epochs=12)
    expected = torch.full((N,), torch.nan)
    for _, report in spy.told:
        expected[report.index] = report.error
        torch.testing.assert_close(report.last_error, expected, rtol=0, atol=0)
    assert not run.state.last_error.isnan().any()


# Weights


@every_step
def test_rows_of_weight_2_and_0_count_twice_and_not_at_all(step):
    weight = torch.tensor([2.0, 0.0]).repeat(N // 2)
    twice = [tensor[::2].repeat_interleave(2, 0) for tensor in (X, Y)]
    spies, params = (Spy(), Spy()), {"step": step, "batch_size": N}
    one, records = trained(policy=spies[0], weight=weight, **params)
    other, others = trained(policy=spies[1], data=twice, **params)
    torch.testing.assert_close(weights(one), weights(other))
    assert column(records, "train_loss") == pytest.approx(column(others, "train_loss"))
    error, of_others = (spy.told[0][1].last_error for spy in spies)
    torch.testing.assert_close(error[::2], 2 * of_others[::2])
    assert (error[1::2] == 0).all()


@pytest.mark.parametrize("of_user", [False, True])
@every_step
def test_weights_of_policy_and_user_multiply_and_only_the_users_are_in_the_errors(step, of_user):
    policy = torch.linspace(0, 3, N)
    user = torch.linspace(1, 0.5, N) if of_user else torch.ones(N)
    spy, params = Spy(Fixed(ALL_ROWS, policy)), {"step": step, "batch_size": N}
    run, records = trained(policy=spy, weight=user if of_user else None, **params)
    same, _ = trained(weight=policy * user, **params)
    torch.testing.assert_close(weights(run), weights(same))
    expected = (losses_of(make_mlp()) * user).detach()
    torch.testing.assert_close(spy.told[0][1].last_error, expected)
    assert records[0]["train_loss"] == pytest.approx(expected.mean().item())


def test_weights_of_a_policy_that_drops_rows_stay_with_their_rows():
    weight = torch.linspace(0, 3, N // 2)
    run, _ = trained(policy=Fixed(torch.arange(0, N, 2), weight), batch_size=N)
    same, _ = trained(data=(X[::2], Y[::2]), weight=weight, batch_size=N)
    torch.testing.assert_close(weights(run), weights(same))


# Errors of the outputs


@watched_or_not
@pytest.mark.parametrize("asks", [True, False])
@every_step
def test_a_policy_is_told_the_errors_of_the_outputs_if_it_needs_them(step, asks, listener):
    spy = Spy(NeedsOutputs(asks))
    list(make_run(policy=spy, step=step, listener=listener))
    for _, report in spy.told:
        # Of two classes both go by the probability of the right one.
        expected = {"output_error": (1 - (-report.error).exp()).square()} if asks else {}
        torch.testing.assert_close(dict(report.signals), expected)


@watched_or_not
@every_step
def test_to_ask_for_them_leaves_the_run_as_it_is(step, listener):
    params = {"step": step, "listener": listener}
    one, other = (trained(policy=NeedsOutputs(asks), **params) for asks in (True, False))
    assert_same_bits(one[0], other[0])
    assert column(one[1], "train_loss") == column(other[1], "train_loss")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64], ids=str)
def test_weights_of_the_user_go_with_the_errors_of_the_outputs(dtype):
    spy, weight = Spy(AutoRecall()), torch.arange(1, N + 1, dtype=dtype)
    list(make_run(policy=spy, weight=weight))
    for _, report in spy.told:
        assert torch.equal(report.sample_weight, weight[report.index])
        assert (report.signals["output_error"] <= 1).all()


@pytest.mark.parametrize(
    ("criterion", "given", "bounded"),
    [
        (nn.CrossEntropyLoss(), None, True),
        (SquaredError(), None, False),
        (SquaredError(), True, True),
    ],
)
def test_a_policy_is_told_whether_outputs_are_bounded(criterion, given, bounded):
    spy = Spy()
    target = Y if isinstance(criterion, nn.CrossEntropyLoss) else torch.eye(2)[Y]
    list(make_run(policy=spy, data=(X, target), criterion=criterion, bounded_outputs=given))
    assert {report.bounded_outputs for _, report in spy.told} == {bounded}


def test_a_policy_need_not_say_what_it_needs():
    class Own:
        def start(self, n_samples):
            return ActiveSet(torch.arange(n_samples))

        def update(self, active, report, *, generator):
            assert not report.signals
            return active

    assert_same_bits(trained(policy=Own())[0], trained()[0])


def test_what_no_step_gives_is_refused_before_training():
    class Wants(NeedsOutputs):
        needs = frozenset({"output_error", "margin"})

    with pytest.raises(ValueError, match=r"of \['output_error'\]\. Got \['margin'\] of Wants"):
        make_run(policy=Wants())
