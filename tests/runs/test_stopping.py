from math import nan

import pytest
import torch

from sk_sdlr.runs import TrainingSettings
from sk_sdlr.runs._stopping import EarlyStopping, make_stopping
from tests.runs.small import (
    X,
    Y,
    assert_same_bits,
    column,
    exact,
    make_mlp,
    make_rows,
    make_run,
    trained,
    weights,
)


def train(losses, n_iter_no_change=2, tol=0.0):
    """Return the epochs that are trained if these are the losses, and the one of the weights."""
    module = make_mlp()
    stopping = EarlyStopping(module, n_iter_no_change, tol)
    for epoch, loss in enumerate(losses, start=1):
        with torch.no_grad():
            module.linears[0].bias.fill_(epoch)
        stopping.end_epoch(loss)
        if stopping.stops:
            break
    stopping.restore_best()
    return epoch, int(module.linears[0].bias[0])


@pytest.mark.parametrize(
    ("losses", "n_epochs", "best"),
    [
        ([3, 2, 1], 3, 3),
        ([3, 1, 2], 3, 2),
        ([3, 1, 2, 2, 0], 4, 2),
        ([3, 1, 2, 0.5, 2, 2, 0], 6, 4),
        ([1, 1, 1, 1], 3, 1),
        ([1, nan, nan, 0], 3, 1),
        ([nan, nan], 2, 2),  # no weights are better than others
    ],
)
def test_the_run_stops_after_so_many_misses_with_the_best_weights(losses, n_epochs, best):
    assert train(losses) == (n_epochs, best)


@pytest.mark.parametrize(("tol", "best"), [(0.0, 3), (0.05, 3), (0.2, 1)])
def test_an_improvement_is_by_more_than_tol(tol, best):
    assert train([1.0, 0.9, 0.8], n_iter_no_change=3, tol=tol) == (3, best)


@pytest.mark.parametrize("n_iter_no_change", [1, 2, 5])
def test_so_many_epochs_without_improvement_are_waited_for(n_iter_no_change):
    assert train([1] * 9, n_iter_no_change) == (1 + n_iter_no_change, 1)


# Of a run


def overfit(**params):
    """Return a run that gets worse on the validation rows, at some time."""
    defaults = {"lr": 2.0, "max_epochs": 60, "policy": exact(), "seed": 1}
    data = {"validation": make_rows(30), "n_iter_no_change": 3}
    return make_run(make_mlp(batch_norm=True), **defaults | data | params)


def test_a_run_ends_with_the_weights_and_buffers_of_its_best_epoch():
    run, records, left = overfit(), [], []
    for record in run:
        records.append(record)
        left.append(weights(run))
    losses = column(records, "valid_loss")
    best = losses.index(min(losses))
    assert run.has_stopped_early
    assert 0 < best == len(losses) - 1 - 3
    torch.testing.assert_close(weights(run), left[best], rtol=0, atol=0)


def test_a_run_that_is_not_stopped_has_the_best_weights_too():
    run = overfit(max_epochs=60, n_iter_no_change=100)
    losses = column(list(run), "valid_loss")
    assert not run.has_stopped_early
    assert len(losses) == 60
    same = overfit(n_iter_no_change=100)
    best = losses.index(min(losses))
    for record in same:
        if record["epoch"] == best + 1:
            break
    assert_same_bits(run, same)


def test_a_large_tolerance_stops_at_once():
    run = overfit(tol=1e3)
    assert len(list(run)) == 1 + 3


def test_early_stopping_does_not_change_the_epochs_that_are_trained():
    stopped = column(list(overfit()), "valid_loss")
    assert column(list(overfit(n_iter_no_change=None)), "valid_loss")[: len(stopped)] == stopped


def test_it_needs_validation_rows():
    settings = TrainingSettings(n_iter_no_change=3)
    with pytest.raises(ValueError, match=r"needs validation rows\. Got validation=None instead"):
        make_stopping(make_mlp(), settings, has_validation=False)
    with pytest.raises(ValueError, match="needs validation rows"):
        overfit(validation=None)


def test_without_it_the_last_weights_stay():
    run, records = trained(validation=(X, Y), lr_schedule=None)
    assert run.final.stopping is None
    assert len(records) == 4
