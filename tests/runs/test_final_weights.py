"""A run leaves the average of its weights, and trains as without it."""

from itertools import islice

import pytest
import torch
from torch.optim import SGD, AdamW

from sk_sdlr.modules import MLP
from sk_sdlr.runs import TrainingData, _weight_average
from sk_sdlr.runs._batch_statistics import retake_statistics
from sk_sdlr.runs._listener import Listener
from sk_sdlr.runs._validation import validate
from sk_sdlr.steps import _chunks
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

NETS = {
    "dense": {"hidden_layer_sizes": (4,)},
    "chain": {"hidden_layer_sizes": (4,), "batch_norm": True},
    "autograd": {"hidden_layer_sizes": (4,)},
}


@pytest.fixture
def every_batch(monkeypatch):
    """Take the weights in after each batch."""
    monkeypatch.setattr(_weight_average, "N_BATCHES", 1)


def run_of(kind, **params):
    step = "autograd" if kind == "autograd" else "auto"
    defaults = {"weight_average": 0.2, "batch_size": 4, "step": step, "policy": exact()}
    return make_run(make_mlp(**NETS[kind]), **defaults | params)


@pytest.mark.parametrize("optimizer", [SGD, AdamW])
@pytest.mark.parametrize("kind", NETS)
@pytest.mark.usefixtures("every_batch")
def test_a_run_leaves_the_average_of_what_was_trained(kind, optimizer):
    """Against weights that are noted after each batch."""
    seen = []

    class Noted(Listener):
        wants_batches = True

        def on_batch_end(self, x, y, loss, output, *, training):
            seen.append([p.detach().clone() for p in run.module.parameters()])

    run = run_of(kind, optimizer=optimizer, listener=Noted())
    expected = [p.detach().clone() for p in run.module.parameters()]
    list(run)
    for n, present in enumerate(seen, start=1):
        for mean, value in zip(expected, present, strict=True):
            mean += (value - mean) / (0.2 * n + 1)
    assert len(seen) > 20
    torch.testing.assert_close(list(run.module.parameters()), expected, rtol=1e-4, atol=1e-6)
    differs = [not torch.allclose(a, b) for a, b in zip(seen[-1], expected, strict=True)]
    assert any(differs)


@pytest.mark.parametrize("kind", NETS)
def test_training_is_as_without(kind):
    """Between epochs the module has what is trained, to the bit, validation rows or not."""
    others = []
    for share in (None, 0.2):
        for validation in (None, make_rows(20)):
            run, states = run_of(kind, weight_average=share, validation=validation), []
            for record in run:
                left = weights(run)
                states.append((record["train_loss"], record["threshold"], left))
            others.append(states)
    for states in others[1:]:
        torch.testing.assert_close(states, others[0], rtol=0, atol=0)


@pytest.mark.parametrize("kind", NETS)
def test_the_average_does_not_depend_on_how_rows_are_gathered_or_watched(kind, monkeypatch):
    class Watching(Listener):
        wants_batches = wants_epochs = True

    runs = [run_of(kind), run_of(kind, listener=Watching()), run_of(kind, validation=(X, Y))]
    monkeypatch.setattr(_chunks, "CHUNK_BYTES", 1)
    runs.append(run_of(kind))
    for run in runs:
        list(run)
    assert_same_bits(*runs)


def test_validation_rows_are_judged_by_what_the_run_leaves():
    rows = make_rows(20)
    run, records = trained(
        make_mlp(batch_norm=True, dropout=0.3),
        weight_average=0.2,
        validation=rows,
        policy=exact(),
    )
    data = TrainingData(*rows)
    left = validate(run.module, run.objective, data, 1024, run.listener)
    assert records[-1]["valid_loss"] == left
    plain = trained(make_mlp(batch_norm=True, dropout=0.3), validation=rows, policy=exact())[1]
    assert column(plain, "train_loss") == column(records, "train_loss")
    assert column(plain, "valid_loss") != column(records, "valid_loss")


def test_batch_norms_are_left_with_the_statistics_of_the_average():
    run, _ = trained(make_mlp(batch_norm=True), weight_average=0.2)
    left = weights(run)
    retake_statistics(run.module, run.data)
    torch.testing.assert_close(weights(run), left, rtol=0, atol=0)
    plain, _ = trained(make_mlp(batch_norm=True))
    name = "after.0.0.running_mean"
    assert not torch.equal(weights(plain)[name], left[name])
    count = "after.0.0.num_batches_tracked"
    assert weights(plain)[count] == left[count] == 4 * 7


def test_early_stopping_keeps_the_best_averaged_weights():
    rows = make_rows(30)
    run, records = trained(
        make_mlp(batch_norm=True),
        lr=2.0,
        max_epochs=60,
        policy=exact(),
        seed=1,
        validation=rows,
        n_iter_no_change=3,
        weight_average=0.3,
    )
    losses = column(records, "valid_loss")
    assert run.has_stopped_early
    assert losses.index(min(losses)) == len(losses) - 1 - 3
    data = TrainingData(*rows)
    assert validate(run.module, run.objective, data, 1024, run.listener) == min(losses)


@pytest.mark.parametrize("kind", NETS)
def test_a_run_that_is_left_has_the_average_until_it_goes_on(kind):
    run, through = run_of(kind), run_of(kind)
    list(islice(run, 2))
    left = weights(run)
    short = run_of(kind, lr_schedule=None, max_epochs=2)
    list(short)
    list(run)
    list(through)
    assert_same_bits(run, through)
    torch.testing.assert_close(left, weights(short), rtol=0, atol=0)


def test_an_interrupted_run_leaves_the_average_up_to_then():
    class Interrupts(Listener):
        wants_batches = True
        n = 0

        def on_batch_end(self, x, y, loss, output, *, training):
            self.n += 1
            self.last = [p.detach().clone() for p in run.module.parameters()]
            if self.n == 30:
                raise KeyboardInterrupt

    listener = Interrupts()
    run = run_of("dense", listener=listener)
    with pytest.warns(UserWarning, match="interrupted"), pytest.raises(KeyboardInterrupt):
        list(run)
    assert run.final.average.n_batches == 30
    assert run.final.average.is_in_place
    after = list(run.module.parameters())
    assert not any(torch.equal(a, b) for a, b in zip(after, listener.last, strict=True))


def test_a_run_that_diverges_leaves_the_weights_from_before_that_epoch():
    run = run_of("dense", lr=1e30, validation=(X, Y))
    before = weights(run)
    with pytest.raises(FloatingPointError):
        list(run)
    torch.testing.assert_close(weights(run), before, rtol=0, atol=0)


def test_a_run_of_no_epochs_leaves_the_module_as_it_is():
    run = run_of("chain", max_epochs=0)
    before = weights(run)
    list(run)
    torch.testing.assert_close(weights(run), before, rtol=0, atol=0)


def test_an_average_is_better_than_the_last_weights_at_a_constant_rate():
    """Rows that overlap, and a rate at which the last weights go on jumping."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(2000, 10, generator=generator)
    Y = (X[:, 0] + torch.randn(2000, generator=generator) > 0).long()
    losses = [
        trained(
            MLP(10, 2, hidden_layer_sizes=()),
            data=(X[:1000], Y[:1000]),
            validation=(X[1000:], Y[1000:]),
            lr=2.0,
            weight_average=share,
        )[1][-1]["valid_loss"]
        for share in (None, 0.5)
    ]
    assert losses[1] < 0.95 * losses[0]
