import numpy as np
import pytest
import torch
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from sk_sdlr.training import _callback_errors
from sk_sdlr.training._callback_errors import errors_of_batch

N_ROWS, N_FEATURES, N_CLASSES = 12, 4, 3
rng = np.random.default_rng(0)
X = torch.from_numpy(rng.normal(size=(N_ROWS, N_FEATURES)).astype("float32"))
Y = torch.arange(N_ROWS) % N_CLASSES
BINARY = (Y == 0).float()
SOFT = torch.from_numpy(rng.dirichlet(np.ones(N_CLASSES), N_ROWS).astype("float32"))


def linear(*layers, n_outputs=N_CLASSES):
    return nn.Sequential(nn.Linear(N_FEATURES, n_outputs), *layers)


def make_net(cls=NeuralNetClassifier, criterion=nn.CrossEntropyLoss, module=None, **params):
    torch.manual_seed(0)
    module = linear() if module is None else module
    net = cls(module, criterion=criterion, callbacks="disable", verbose=0, **params)
    return net.initialize()


def errors_of(net, y=Y, x=X):
    """The errors, and what the module made of the batch."""
    y_pred = net.infer(x)
    return *errors_of_batch(net, (x, y), y_pred, with_outputs=True), y_pred


def half_squares(p, y):
    target = one_hot(y, N_CLASSES) if y.dtype == torch.int64 else y
    return (p - target).square().view(N_ROWS, -1).sum(1) / 2


def softmax(output):
    return output.softmax(1)


def same(output):
    return output


class Pair(nn.Module):
    """Returns its outputs, and something else."""

    def __init__(self):
        super().__init__()
        self.layers = linear()

    def forward(self, x):
        return self.layers(x), x.square()


class PairNet(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, *args, **kwargs):
        output, other = y_pred
        return super().get_loss(output, y_true, *args, **kwargs) + other.mean(1)


# Class of the net, criterion, module, targets, and what makes probabilities of the outputs.
NETS = {
    "logits": (NeuralNetClassifier, nn.CrossEntropyLoss, linear(), Y, softmax),
    "logits, plain net": (NeuralNet, nn.CrossEntropyLoss, linear(), Y, softmax),
    "soft targets": (NeuralNetClassifier, nn.CrossEntropyLoss, linear(), SOFT, softmax),
    "probabilities": (NeuralNetClassifier, nn.NLLLoss, linear(nn.Softmax(1)), Y, same),
    "logarithms": (NeuralNet, nn.NLLLoss, linear(nn.LogSoftmax(1)), Y, torch.exp),
    "binary, (n, 1)": (
        NeuralNetBinaryClassifier, nn.BCEWithLogitsLoss, linear(n_outputs=1), BINARY, torch.sigmoid,
    ),
    "binary, (n,)": (
        NeuralNetBinaryClassifier, nn.BCEWithLogitsLoss, linear(nn.Flatten(0), n_outputs=1), BINARY,
        torch.sigmoid,
    ),
    "several labels": (NeuralNet, nn.BCELoss, linear(nn.Sigmoid()), SOFT, same),
    "a tuple": (PairNet, nn.CrossEntropyLoss, Pair(), Y, lambda outputs: outputs[0].softmax(1)),
}  # fmt: skip


@pytest.mark.parametrize("kind", NETS)
def test_output_errors_are_half_the_squares_of_probabilities_minus_targets(kind):
    cls, criterion, module, y, probabilities = NETS[kind]
    error, output_error, y_pred = errors_of(make_net(cls, criterion, module), y)
    assert error.shape == output_error.shape == (N_ROWS,)
    assert not output_error.requires_grad
    torch.testing.assert_close(output_error, half_squares(probabilities(y_pred), y).detach())


def test_the_loss_of_a_regressor_is_its_output_error():
    error, output_error, y_pred = errors_of(make_net(NeuralNetRegressor, nn.MSELoss), SOFT)
    torch.testing.assert_close(error, (y_pred - SOFT).square().mean(1).detach())
    torch.testing.assert_close(output_error, error, rtol=0, atol=0)


def test_the_target_is_the_one_that_the_net_chooses():
    class Autoencoder(NeuralNet):
        def get_loss(self, y_pred, y_true, X=None, training=False):
            return super().get_loss(y_pred, X.sigmoid(), X=X, training=training)

    net = make_net(Autoencoder, nn.BCEWithLogitsLoss, linear(n_outputs=N_FEATURES))
    _, output_error, y_pred = errors_of(net, torch.zeros(N_ROWS))
    expected = half_squares(y_pred.sigmoid(), X.sigmoid()).detach()
    torch.testing.assert_close(output_error, expected)


def test_the_first_output_counts():
    class TwoHeads(NeuralNetClassifier):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            return sum(super(TwoHeads, self).get_loss(head, y_true) for head in (y_pred, -y_pred))

    error, output_error, y_pred = errors_of(make_net(TwoHeads))
    assert (error > cross_entropy(y_pred, Y, reduction="none")).all()
    torch.testing.assert_close(output_error, half_squares(softmax(y_pred), Y).detach())


class Functional(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return cross_entropy(y_pred, y_true, reduction=self.criterion_.reduction)


class ByName(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return self.criterion_(y_pred, target=y_true)


class Positions(NeuralNetClassifier):
    """Has several outputs a row, each of which is a row to the criterion."""

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        loss = self.criterion_(y_pred.repeat(2, 1), y_true.repeat(2))
        return loss.view(2, -1).mean(0) if loss.dim() else loss


class Packed(nn.Module):
    """A criterion that wants something else than tensors."""

    reduction = "mean"

    def forward(self, output, targets):
        loss = cross_entropy(output, targets["y"], reduction="none")
        return loss.mean() if self.reduction == "mean" else loss


class PackedNet(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return self.criterion_(y_pred, {"y": y_true})


@pytest.mark.parametrize(
    ("cls", "criterion"),
    [
        (Functional, nn.CrossEntropyLoss),
        (ByName, nn.CrossEntropyLoss),
        (Positions, nn.CrossEntropyLoss),
        (PackedNet, Packed),
    ],
)
def test_output_errors_that_are_not_known_are_none(cls, criterion):
    error, output_error, y_pred = errors_of(make_net(cls, criterion))
    torch.testing.assert_close(error, cross_entropy(y_pred, Y, reduction="none").detach())
    assert output_error is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_probabilities_are_taken_in_single_precision_at_least(dtype):
    net = make_net(module=linear().to(dtype))
    _, output_error, y_pred = errors_of(net, x=X.to(dtype))
    assert y_pred.dtype == dtype
    wide = torch.promote_types(dtype, torch.float32)
    assert output_error.dtype == wide
    torch.testing.assert_close(output_error, half_squares(softmax(y_pred.to(wide)), Y).detach())


def n_hooks(criterion):
    return len(criterion._forward_pre_hooks)


@pytest.mark.parametrize("with_outputs", [False, True])
def test_nothing_listens_where_outputs_are_not_asked_for(with_outputs, monkeypatch):
    class Net(NeuralNetClassifier):
        def get_loss(self, *args, **kwargs):
            seen.append(n_hooks(self.criterion_))
            return super().get_loss(*args, **kwargs)

    seen, made = [], []
    of = _callback_errors.squared_output_error
    monkeypatch.setattr(
        _callback_errors, "squared_output_error", lambda it: made.append(it) or of(it)
    )
    net = make_net(Net)
    _, output_error = errors_of_batch(net, (X, Y), net.infer(X), with_outputs)
    assert (output_error is not None) is with_outputs
    assert seen == [with_outputs]
    assert made == [net.criterion_] * with_outputs
    assert n_hooks(net.criterion_) == 0


def test_an_error_in_the_loss_leaves_no_hook():
    class Net(NeuralNetClassifier):
        def get_loss(self, *args, **kwargs):
            raise ZeroDivisionError

    net = make_net(Net)
    with pytest.raises(ZeroDivisionError):
        errors_of(net)
    assert n_hooks(net.criterion_) == 0
    assert net.criterion_.reduction == "mean"
