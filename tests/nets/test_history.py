import json

import pytest
import torch
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from skorch.history import History
from torch.utils.data import TensorDataset

from sk_sdlr.nets._history import HistoryWriter, complete_epochs
from tests.nets.cases import TENSORS, X, Y, column, make_net, shrinking

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
RECORD = {"epoch", "n_active", "threshold", "train_loss", "lr", "duration"}


class FakeRun:
    """Epochs of which each begins a row, and the last raises an error if there is one."""

    def __init__(self, history, n_epochs, error=None):
        self.history, self.n_epochs, self.error = history, n_epochs, error
        self.is_closed = False

    def __iter__(self):
        try:
            for epoch in range(1, self.n_epochs + 1):
                self.history.new_epoch()
                if self.error is not None and epoch == self.n_epochs:
                    raise self.error
                yield {"epoch": epoch}
        finally:
            self.is_closed = True


@pytest.mark.parametrize("error", [KeyboardInterrupt, KeyError, FloatingPointError])
def test_an_epoch_in_which_something_is_raised_is_forgotten(error):
    history = History()
    run = FakeRun(history, 3, error())
    with pytest.raises(error):
        list(complete_epochs(run, history))
    assert len(history) == 2
    assert run.is_closed


def test_epochs_are_passed_on_and_stay_when_the_loop_is_left():
    history = History()
    run = FakeRun(history, 3)
    assert list(complete_epochs(run, history)) == [{"epoch": epoch} for epoch in (1, 2, 3)]
    epochs = complete_epochs(FakeRun(history, 3), history)
    next(epochs)
    epochs.close()
    assert len(history) == 4


def test_losses_are_the_best_if_they_are_lower_than_any_before():
    history = History()
    losses = [(3.0, 2.0), (1.0, 2.0), (2.0, 1.0), (0.5, 4.0)]
    for begin in (0, 2):  # another writer goes on where the first one left
        writer = HistoryWriter(history)
        for train_loss, valid_loss in losses[begin : begin + 2]:
            history.new_epoch()
            writer.write({"epoch": 9, "train_loss": train_loss, "valid_loss": valid_loss})
    assert history[:, ("train_loss", "valid_loss")] == losses
    assert history[:, "train_loss_best"] == [True, True, False, True]
    assert history[:, "valid_loss_best"] == [True, False, True, False]
    assert "epoch" not in history[-1]  # skorch writes it when an epoch begins


def test_losses_that_are_not_there_are_not_the_best():
    history = History()
    history.new_epoch()
    HistoryWriter(history).write({"epoch": 1, "train_loss": 1.0})
    assert set(history[-1]) == {"batches", "train_loss", "train_loss_best"}


@pytest.mark.parametrize(
    ("split", "valid"),
    [(None, None), (ValidSplit(5), None), (None, TensorDataset(*TENSORS))],
)
def test_history_has_the_record_of_each_epoch_and_none_of_a_batch(split, valid):
    net = make_net(policy=shrinking(), train_split=split).fit(X, Y, valid=valid)
    keys = RECORD | {"batches", "train_loss_best"}
    if split or valid:
        keys |= {"valid_loss", "valid_loss_best"}
    assert [set(record) for record in net.history] == [keys] * 4
    assert column(net, "batches") == [[{}]] * 4
    assert column(net, "epoch") == [1, 2, 3, 4]
    assert column(net, "lr") == [0.1] * 4
    assert all(threshold > 0 for threshold in column(net, "threshold")[:-1])
    assert net.history[-1, "threshold"] is None


def test_history_is_numbers_that_json_knows():
    net = make_net(policy=shrinking(), train_split=ValidSplit(5)).fit(X, Y)
    assert json.loads(json.dumps(net.history)) == net.history


def test_a_partial_fit_goes_on_in_the_history():
    net = make_net(max_epochs=2).fit(X, Y).partial_fit(X, Y)
    assert column(net, "epoch") == [1, 2, 3, 4]
    least = torch.tensor(column(net, "train_loss")).cummin(0).values
    assert column(net, "train_loss_best") == [
        i == 0 or bool(least[i] < least[i - 1]) for i in range(4)
    ]


def test_batches_that_callbacks_see_are_in_the_history():
    class Sees(Callback):
        def on_batch_end(self, net, **kwargs):
            pass

    net = make_net(callbacks=[Sees()], train_split=ValidSplit(5)).fit(X, Y)
    expected = [{"train_batch_size": 8}] * 5 + [{"valid_batch_size": 10}]
    assert column(net, "batches") == [expected] * 4
