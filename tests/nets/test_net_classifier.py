import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score, get_scorer, roc_auc_score
from torch import nn
from torch.utils.data import TensorDataset

from sk_sdlr.nets import ActiveSetNet, ActiveSetNetClassifier
from sk_sdlr.steps import SquaredError
from tests.nets.cases import N_SAMPLES, TENSORS, Spy, X, Y, make_net

THREE = np.digitize(X[:, 0], [-0.5, 0.5])


def make_classifier(**params):
    return make_net(cls=ActiveSetNetClassifier, **params)


def one_hot(y, n_classes):
    return np.eye(n_classes, dtype="float32")[y]


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss, SquaredError])
def test_predictions_are_of_classes(criterion, n_classes):
    y = Y if n_classes == 2 else THREE
    params = {"module__n_outputs": n_classes, "criterion": criterion, "lr": 0.5}
    if criterion is SquaredError:
        params["module__output_activation"] = "sigmoid"
    net = make_classifier(**params, max_epochs=30)
    net.fit(X, y if criterion is nn.CrossEntropyLoss else one_hot(y, n_classes))
    outputs = net.forward(X)
    p = (
        outputs.softmax(1)
        if criterion is nn.CrossEntropyLoss
        else outputs / outputs.sum(1)[:, None]
    )
    np.testing.assert_allclose(net.predict_proba(X), p, rtol=1e-5)
    np.testing.assert_array_equal(net.predict(X), outputs.argmax(1))
    assert net.classes_.tolist() == list(range(n_classes))
    assert net.score(X, y) == accuracy_score(y, net.predict(X)) > 0.6
    score = {"multi_class": "ovr"} if n_classes == 3 else {}
    scorer = get_scorer("roc_auc_ovr" if n_classes == 3 else "roc_auc")
    scored = net.predict_proba(X) if n_classes == 3 else net.predict_proba(X)[:, 1]
    assert scorer(net, X, y) == pytest.approx(roc_auc_score(y, scored, **score))


def test_scikit_learn_takes_it_for_a_classifier_and_the_other_one_not():
    assert is_classifier(make_classifier())
    assert not is_classifier(make_net())


def test_classes_can_be_told_where_the_targets_do_not_have_them_all():
    net = make_classifier(module__n_outputs=3, classes=[0, 1, 2]).fit(X, Y)
    assert net.classes_.tolist() == [0, 1, 2]
    assert clone(net).classes == [0, 1, 2]
    assert make_classifier(module__n_outputs=3).fit(X, Y).classes_.tolist() == [0, 1]
    assert not hasattr(make_classifier(), "classes_")


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (THREE, THREE),
        (one_hot(THREE, 3), THREE),
        (torch.from_numpy(one_hot(THREE, 3)), THREE),
        (THREE.tolist(), THREE),
        (Y[:, None].astype("float32"), Y[:, None]),  # one column is not one of each class
    ],
)
def test_targets_are_scored_as_class_numbers(y, expected):
    np.testing.assert_array_equal(make_classifier()._scored_targets(y), expected)


def test_a_binary_loss_of_one_output():
    module = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    net = make_classifier(module=module, criterion=nn.BCEWithLogitsLoss, max_epochs=30, lr=0.5)
    net.fit(X, Y.astype("float32"))
    assert net.classes_.tolist() == [0, 1]
    assert net.score(X, Y) > 0.6
    np.testing.assert_allclose(net.predict_proba(X)[:, 1], net.forward(X).sigmoid(), rtol=1e-5)


@pytest.mark.parametrize(
    ("cls", "criterion", "output_activation", "bounded"),
    [
        (ActiveSetNet, nn.CrossEntropyLoss, "identity", True),
        (ActiveSetNet, SquaredError, "sigmoid", False),
        (ActiveSetNet, SquaredError, "identity", False),
        (ActiveSetNetClassifier, SquaredError, "sigmoid", True),
        (ActiveSetNetClassifier, SquaredError, "identity", True),
    ],
)
def test_a_policy_is_told_whether_outputs_are_bounded(cls, criterion, output_activation, bounded):
    spy = Spy()
    target = Y if criterion is nn.CrossEntropyLoss else one_hot(Y, 2)
    params = {"criterion": criterion, "module__output_activation": output_activation}
    make_net(cls=cls, policy=spy, **params).fit(X, target)
    assert {told.bounded_outputs for told in spy.told} == {bounded}


def test_weights_and_validation_go_with_one_hot_targets():
    weight, y = torch.linspace(0, 2, N_SAMPLES), torch.from_numpy(one_hot(Y, 2))
    net = make_classifier(criterion=SquaredError)
    net.fit(X, y, sample_weight=weight, valid=TensorDataset(TENSORS[0], y, weight))
    losses = (net.forward(X) - y).square().sum(1) / 2
    assert net.history[-1, "valid_loss"] == pytest.approx((losses * weight).mean().item())
