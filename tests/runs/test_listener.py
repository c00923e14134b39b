"""Who looks on while a run trains."""

import pytest
import torch
from torch import nn

from sk_sdlr.runs._listener import Listener, WatchedStep
from sk_sdlr.steps import _chunks
from sk_sdlr.steps._step import Batches
from tests.runs.small import (
    STEPS,
    N,
    X,
    Y,
    assert_same_bits,
    column,
    make_mlp,
    make_run,
    trained,
)

WEIGHT = torch.linspace(0, 3, N)


class Log(Listener):
    """Keeps what it is told, without copies."""

    def __init__(self, epochs=False, batches=False, gradients=False):
        self.wants_epochs, self.wants_batches, self.wants_gradients = epochs, batches, gradients
        self.words, self.ends = [], []

    def on_epoch_begin(self):
        self.words.append("epoch")

    def on_batch_begin(self, x, y, *, training):
        self.words.append("begin")

    def on_batch_end(self, x, y, loss, output, *, training):
        self.words.append("end")
        self.ends.append((x, y, loss, output, training))

    def on_gradients(self, x, y):
        self.words.append("gradients")


@pytest.mark.parametrize(
    ("wants", "expected"),
    [
        ({}, ["epoch"]),
        ({"batches": True}, ["epoch", *["begin", "end"] * 7]),
        ({"gradients": True}, ["epoch", *["gradients"] * 7]),
        ({"batches": True, "gradients": True}, ["epoch", *["begin", "gradients", "end"] * 7]),
    ],
)
def test_it_is_told_what_it_wants_in_order(wants, expected):
    log = Log(**wants)
    list(make_run(listener=log, max_epochs=2))
    assert log.words == expected * 2


@pytest.mark.parametrize("wants", [{"batches": True}, {"epochs": True}, {"gradients": True}])
def test_to_look_on_does_not_change_the_run(wants):
    step = "autograd" if "gradients" in wants else "auto"
    assert_same_bits(*(trained(step=step, listener=log)[0] for log in (None, Log(**wants))))


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weighted"])
@pytest.mark.parametrize("step", STEPS)
def test_it_is_told_batch_weighted_loss_and_output(step, weight, monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK_BYTES", 1)  # a buffer is filled anew for each batch
    log, initial = Log(batches=True), make_mlp()
    _, records = trained(step=step, weight=weight, listener=log, max_epochs=1)
    x, _, _, output, _ = log.ends[0]
    torch.testing.assert_close(output, initial(x).detach())
    row_of = {tuple(row): i for i, row in enumerate(X.tolist())}
    visited = []
    for x, y, loss, output, training in log.ends:
        rows = [row_of[tuple(row)] for row in x.tolist()]
        losses = nn.functional.cross_entropy(output, y, reduction="none")
        expected = (losses if weight is None else losses * weight[rows]).mean()
        torch.testing.assert_close(loss, expected)
        assert torch.equal(y, Y[rows])
        assert training
        visited += rows
    assert sorted(visited) == list(range(N))
    mean = sum(float(loss) * len(x) for x, _, loss, *_ in log.ends) / N
    assert column(records, "train_loss") == [pytest.approx(mean)]


def test_gradients_are_there_and_can_be_changed():
    module = make_mlp(activation="tanh")

    class Stop(Listener):
        wants_gradients = True

        def on_gradients(self, x, y):
            for parameter in module.parameters():
                assert parameter.grad.abs().sum() > 0
                parameter.grad.zero_()

    run, _ = trained(module, listener=Stop())
    assert_same_bits(run, make_run(make_mlp(activation="tanh")))


def test_who_looks_on_between_epochs_sees_module_and_optimiser_as_torch_has_them():
    run = make_run(step="dense", optimizer_params={"momentum": 0.9}, listener=Log(epochs=True))
    for _ in run:
        for parameter in run.module.parameters():
            assert parameter.is_contiguous()
            assert run.optimizer.state[parameter]["momentum_buffer"].shape == parameter.shape


def test_a_step_that_is_watched_is_closed_and_remembers_as_before():
    class Step:
        def __init__(self):
            self.calls = []

        def __call__(self, batches):
            batches.error.fill_(2.0)
            return batches.x

        def close(self):
            self.calls.append("close")

        def state_dict(self):
            return {"chains": 1}

        def load_state_dict(self, state):
            self.calls.append(state)

    step = Step()
    watched = WatchedStep(step, Log(batches=True))
    error = torch.empty(5)
    output = watched(Batches(X[:5], Y[:5], error, 2))
    assert error.tolist() == [2.0] * 5
    assert torch.equal(output, X[4:5])
    watched.close()
    watched.load_state_dict(watched.state_dict())
    assert step.calls == ["close", {"chains": 1}]
