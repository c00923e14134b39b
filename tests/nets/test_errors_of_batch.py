import numpy as np
import pytest
import torch
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from sk_sdlr.nets._errors_of_batch import errors_of_batch
from sk_sdlr.steps import Objective

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
    """The errors, those of the outputs, and what the module made of the batch."""
    y_pred = net.infer(x)
    return *errors_of_batch(net, (x, y), y_pred, Objective(net.criterion_)), y_pred


def half_squares(p, y):
    target = one_hot(y, N_CLASSES) if y.dtype == torch.int64 else y
    return (p - target).square().view(N_ROWS, -1).sum(1) / 2


def softmax(output):
    return output.softmax(1)


def same(output):
    return output


def losses(output, y=Y):
    return cross_entropy(output, y, reduction="none").detach()


# Errors: the net's own loss of each row


class Twice(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, X=None, **kwargs):
        assert X.shape[0] == y_true.shape[0]
        return 2 * super().get_loss(y_pred, y_true, X=X, **kwargs)


def test_errors_are_the_nets_own_loss():
    # NeuralNetClassifier takes the logarithm of what NLLLoss gets.
    error, _, y_pred = errors_of(make_net(Twice, nn.NLLLoss, linear(nn.Softmax(1))))
    torch.testing.assert_close(error, -2 * y_pred.log()[range(N_ROWS), Y].detach())
    assert not error.requires_grad


def test_several_values_a_row_are_averaged():
    error, output_error, y_pred = errors_of(make_net(NeuralNetRegressor, nn.MSELoss), SOFT)
    torch.testing.assert_close(error, (y_pred - SOFT).square().mean(1).detach())
    assert torch.equal(output_error, error)  # no more is known of it


class Averaging(NeuralNetClassifier):
    def get_loss(self, *args, **kwargs):
        return super().get_loss(*args, **kwargs).mean()


class Repeating(NeuralNetClassifier):
    def get_loss(self, *args, **kwargs):
        return super().get_loss(*args, **kwargs).repeat(3)


class Failing(NeuralNetClassifier):
    def get_loss(self, *args, **kwargs):
        raise ZeroDivisionError("on purpose")


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("cls", "error", "match"),
    [
        (Averaging, ValueError, r"get_loss must give a value a row.*shape \(\) .* 12 rows"),
        (Repeating, ValueError, r"Got shape \(36,\) for a batch of 12 rows of Repeating instead"),
        (Failing, ZeroDivisionError, "on purpose"),
    ],
)
def test_a_loss_of_another_shape_is_an_error_that_leaves_the_criterion_as_it_was(
    cls, error, match, reduction
):
    net = make_net(cls, criterion__reduction=reduction)
    with pytest.raises(error, match=match):
        errors_of(net)
    assert net.criterion_.reduction == reduction
    assert not net.criterion_._forward_pre_hooks


class HandsOn(nn.Module):
    """Keeps its reduction elsewhere, as what torch.compile makes of a criterion does."""

    def __init__(self):
        super().__init__()
        self.inner = nn.CrossEntropyLoss()

    @property
    def reduction(self):
        return self.inner.reduction

    @reduction.setter
    def reduction(self, value):
        self.inner.reduction = value

    def forward(self, output, target):
        return self.inner(output, target)


def test_a_criterion_that_hands_its_reduction_on():
    net = make_net(criterion=HandsOn)
    y_pred = net.infer(X)
    error, _ = errors_of_batch(net, (X, Y), y_pred)
    torch.testing.assert_close(error, losses(y_pred))
    assert net.criterion_.inner.reduction == "mean"


# Errors of the outputs


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


class Autoencoder(NeuralNet):
    def get_loss(self, y_pred, y_true, X=None, training=False):
        return super().get_loss(y_pred, X.sigmoid(), X=X, training=training)


BCE = nn.BCEWithLogitsLoss
# Class of the net, criterion, module, targets, what makes probabilities of the outputs.
NETS = {
    "logits": (NeuralNetClassifier, nn.CrossEntropyLoss, linear(), Y, softmax),
    "logits, plain net": (NeuralNet, nn.CrossEntropyLoss, linear(), Y, softmax),
    "soft targets": (NeuralNetClassifier, nn.CrossEntropyLoss, linear(), SOFT, softmax),
    "probabilities": (NeuralNetClassifier, nn.NLLLoss, linear(nn.Softmax(1)), Y, same),
    "logarithms": (NeuralNet, nn.NLLLoss, linear(nn.LogSoftmax(1)), Y, torch.exp),
    "binary, (n, 1)": (NeuralNetBinaryClassifier, BCE, linear(n_outputs=1), BINARY, torch.sigmoid),
    "binary, (n,)": (
        NeuralNetBinaryClassifier,
        BCE,
        linear(nn.Flatten(0), n_outputs=1),
        BINARY,
        torch.sigmoid,
    ),
    "several labels": (NeuralNet, nn.BCELoss, linear(nn.Sigmoid()), SOFT, same),
    "a tuple": (PairNet, nn.CrossEntropyLoss, Pair(), Y, lambda outputs: outputs[0].softmax(1)),
}


@pytest.mark.parametrize("kind", NETS)
def test_output_errors_are_half_the_squares_of_probabilities_minus_targets(kind):
    cls, criterion, module, y, probabilities = NETS[kind]
    error, output_error, y_pred = errors_of(make_net(cls, criterion, module), y)
    assert error.shape == output_error.shape == (N_ROWS,)
    assert not output_error.requires_grad
    expected = half_squares(probabilities(y_pred), y.view_as(y_pred) if y is BINARY else y)
    torch.testing.assert_close(output_error, expected.detach())


def test_the_target_is_the_one_that_the_net_chooses():
    net = make_net(Autoencoder, BCE, linear(n_outputs=N_FEATURES))
    _, output_error, y_pred = errors_of(net, torch.zeros(N_ROWS))
    expected = half_squares(y_pred.sigmoid(), X.sigmoid()).detach()
    torch.testing.assert_close(output_error, expected)


def test_the_first_output_counts():
    class TwoHeads(NeuralNetClassifier):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            return sum(super(TwoHeads, self).get_loss(head, y_true) for head in (y_pred, -y_pred))

    error, output_error, y_pred = errors_of(make_net(TwoHeads))
    assert (error > losses(y_pred)).all()
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
    torch.testing.assert_close(error, losses(y_pred))
    assert output_error is None


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_probabilities_are_taken_in_single_precision_at_least(dtype):
    net = make_net(module=linear().to(dtype))
    _, output_error, y_pred = errors_of(net, x=X.to(dtype))
    assert y_pred.dtype == dtype
    wide = torch.promote_types(dtype, torch.float32)
    assert output_error.dtype == wide
    torch.testing.assert_close(output_error, half_squares(softmax(y_pred.to(wide)), Y).detach())


@pytest.mark.parametrize("asked", [False, True])
def test_nothing_listens_where_outputs_are_not_asked_for(asked):
    class Net(NeuralNetClassifier):
        def get_loss(self, *args, **kwargs):
            listening.append(len(self.criterion_._forward_pre_hooks))
            return super().get_loss(*args, **kwargs)

    listening = []
    net = make_net(Net)
    objective = Objective(net.criterion_) if asked else None
    _, output_error = errors_of_batch(net, (X, Y), net.infer(X), objective)
    assert (output_error is not None) is asked
    assert listening == [asked]
    assert not net.criterion_._forward_pre_hooks
