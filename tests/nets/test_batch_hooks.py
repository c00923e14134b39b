from dataclasses import dataclass, field

import pytest
import torch
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from sk_sdlr.nets import ActiveSetNet, ActiveSetNetClassifier
from sk_sdlr.steps import SquaredError, _chunks
from tests.nets.cases import (
    N_BATCHES,
    N_CLASSES,
    N_FEATURES,
    N_SAMPLES,
    STEPS,
    TENSORS,
    X,
    Y,
    assert_same_bits,
    column,
    make_net,
)


class Notified(ActiveSetNet):
    """Notes what it is notified of."""

    def notify(self, method_name, **kwargs):
        vars(self).setdefault("names", []).append(method_name)
        super().notify(method_name, **kwargs)


class Own(Notified):
    """Has a hook itself."""

    def on_batch_end(self, net, *args, **kwargs):
        super().on_batch_end(net, *args, **kwargs)


def seeing(*hooks):
    """A callback with these hooks."""
    return type(
        "Sees", (Callback,), {hook: lambda self, net, *args, **kw: None for hook in hooks}
    )()


@pytest.mark.parametrize(
    ("cls", "callbacks", "n_batch", "n_grad"),
    [
        (Notified, [], 0, 0),
        (Notified, [Callback()], 0, 0),
        (Notified, [seeing("on_batch_begin")], 2 * N_BATCHES, 0),
        (Notified, [seeing("on_batch_end")], 2 * N_BATCHES, 0),
        (Notified, [seeing("on_grad_computed")], 0, 2 * N_BATCHES),
        (Notified, [seeing("on_grad_computed", "on_batch_end")], 2 * N_BATCHES, 2 * N_BATCHES),
        (Own, [], 2 * N_BATCHES, 0),
    ],
)
def test_hooks_of_batches_are_called_if_somebody_overrides_one(cls, callbacks, n_batch, n_grad):
    net = make_net(cls=cls, callbacks=callbacks, max_epochs=2).fit(X, Y)
    assert net.names.count("on_batch_begin") == net.names.count("on_batch_end") == n_batch
    assert net.names.count("on_grad_computed") == n_grad
    assert net.names.count("on_train_begin") == net.names.count("on_train_end") == 1
    assert net.names.count("on_epoch_begin") == net.names.count("on_epoch_end") == 2


def test_gradients_are_there_by_autograd_alone():
    with pytest.raises(ValueError, match="step='dense'"):
        make_net(step="dense", callbacks=[seeing("on_grad_computed")]).fit(X, Y)


@dataclass
class Log(Callback):
    """Keeps what it is told, as skorch's caching EpochScoring does: without copies."""

    begins: list = field(default_factory=list)
    ends: list = field(default_factory=list)

    def on_batch_begin(self, net, batch, training, **kwargs):
        self.begins.append((*batch, training))

    def on_batch_end(self, net, batch, training, loss, y_pred, **kwargs):
        self.ends.append((*batch, training, loss, y_pred))

    def of(self, training):
        return [(x, y, loss, y_pred) for x, y, t, loss, y_pred in self.ends if t is training]


@pytest.mark.parametrize("step", STEPS)
def test_each_batch_is_told_with_its_loss_and_output(step, monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK_BYTES", 1)  # a buffer is filled anew for each batch
    log = Log()
    net = make_net(step=step, callbacks=[log], max_epochs=1).initialize()
    x, *_ = TENSORS
    initial = net.module_(x).detach()
    net.partial_fit(X, Y)
    first, _, _, y_pred = log.of(training=True)[0]
    rows = [x.tolist().index(row) for row in first.tolist()]
    torch.testing.assert_close(y_pred, initial[rows])
    for begin, (x, y, loss, y_pred) in zip(log.begins, log.of(training=True), strict=True):
        assert begin[0] is x
        torch.testing.assert_close(loss, cross_entropy(y_pred, y))
    assert sorted(torch.cat([x for x, *_ in log.of(training=True)]).tolist()) == sorted(X.tolist())


@pytest.mark.parametrize("weight", [None, torch.linspace(0, 3, N_SAMPLES)])
def test_losses_of_the_batches_make_that_of_the_epoch(weight):
    log = Log()
    net = make_net(callbacks=[log], max_epochs=1).fit(X, Y, sample_weight=weight)
    losses = [float(loss) * len(x) for x, _, loss, _ in log.of(training=True)]
    assert sum(losses) / N_SAMPLES == pytest.approx(net.history[-1, "train_loss"])


def test_validation_is_told_too():
    log = Log()
    net = make_net(callbacks=[log], max_epochs=1, train_split=ValidSplit(5)).fit(X, Y)
    [(x, y, loss, y_pred)] = log.of(training=False)
    torch.testing.assert_close(y_pred, net.module_(x).detach())
    assert float(loss) == pytest.approx(net.history[-1, "valid_loss"])
    assert len(x) == len(y) == 10


def test_gradients_can_be_looked_at_and_changed():
    names = []

    class Stop(Callback):
        def on_grad_computed(self, net, named_parameters, batch, training, **kwargs):
            for name, parameter in named_parameters:
                names.append(name)
                assert parameter.grad.abs().sum() > 0
                parameter.grad.zero_()

    module = {"module__activation": "tanh"}
    net = make_net(callbacks=[Stop()], **module).fit(X, Y)
    assert_same_bits(net, make_net(**module).initialize())
    assert len(names) == 4 * N_BATCHES * 4  # epochs, batches, weights and biases


class Modes(nn.Linear):
    """Notes whether it was in training mode, but for predictions of all rows."""

    def __init__(self):
        super().__init__(N_FEATURES, N_CLASSES)
        self.seen = []

    def forward(self, x):
        if len(x) < N_SAMPLES:
            self.seen.append(self.training)
        return super().forward(x)


@pytest.mark.parametrize("hook", ["on_batch_begin", "on_batch_end", "on_grad_computed"])
def test_a_callback_that_predicts_leaves_the_training_as_it_is(hook):
    predict = {hook: lambda self, net, *args, **kwargs: net.predict(X)}
    callbacks = [type("Predict", (Callback,), predict)()]
    net = make_net(Modes, callbacks=callbacks).fit(X, Y)
    assert net.module_.seen == [True] * (4 * N_BATCHES)
    assert_same_bits(net, make_net(Modes).fit(X, Y))
    params = {"module__batch_norm": True, "module__dropout": 0.5}
    net = make_net(callbacks=callbacks, **params).fit(X, Y)
    # Gradients are there by autograd only, which draws other masks than the closed form.
    params["step"] = "autograd" if hook == "on_grad_computed" else "auto"
    assert_same_bits(net, make_net(**params).fit(X, Y))


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("as_tensors", [False, True])
def test_datasets_of_callbacks_have_x_and_y(hook, as_tensors):
    seen = []

    def look(self, net, dataset_train, dataset_valid, **kwargs):
        seen.append([dataset_train, dataset_valid])

    net = make_net(callbacks=[type("Look", (Callback,), {hook: look})()], max_epochs=1)
    data = (TensorDataset(*TENSORS), None) if as_tensors else (X, Y)
    net.fit(*data, valid=TensorDataset(*(tensor[:9] for tensor in TENSORS)))
    [(train, valid)] = seen
    assert torch.equal(torch.as_tensor(train.X), TENSORS[0])
    assert torch.equal(torch.as_tensor(train.y), TENSORS[1])
    assert torch.equal(valid.X, TENSORS[0][:9])
    assert torch.equal(valid.y, TENSORS[1][:9])


def test_a_classifier_tells_class_numbers_whatever_its_loss_wants():
    log, one_hot = Log(), torch.eye(N_CLASSES)[TENSORS[1]]
    seen = []

    class Look(Callback):
        def on_epoch_end(self, net, dataset_train, dataset_valid, **kwargs):
            seen.extend([dataset_train.y, dataset_valid.y])

        def on_grad_computed(self, net, named_parameters, batch, **kwargs):
            seen.append(batch[1])

    params = {"criterion": SquaredError, "max_epochs": 1, "batch_size": N_SAMPLES}
    net = make_net(cls=ActiveSetNetClassifier, callbacks=[log, Look()], **params)
    net.fit(X, one_hot, valid=TensorDataset(TENSORS[0], one_hot))
    of_gradients, of_epoch, of_valid = seen
    assert of_epoch.tolist() == of_valid.tolist() == Y.tolist()
    [(_, y, _, _)], [(_, of_validation, _, _)] = log.of(training=True), log.of(training=False)
    assert y.tolist() == of_gradients.tolist()
    assert sorted(y.tolist()) == sorted(Y.tolist())
    assert of_validation.tolist() == Y.tolist()
    assert column(net, "epoch") == [1]
