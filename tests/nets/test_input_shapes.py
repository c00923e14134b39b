"""Skorch's InputShapeSetter, which makes the module anew once it knows the data."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, InputShapeSetter
from torch import nn
from torch.optim import Adam

from sk_sdlr import ShrinkingClassifier
from sk_sdlr.modules import MLP
from sk_sdlr.nets import ActiveSetNetClassifier
from tests.nets.cases import N_FEATURES, X, Y, assert_same_bits, make_net, weights

WIDE = np.column_stack([X, X[:, :2]])


class Linear(nn.Linear):
    """Takes what the setter calls the number of features."""

    def __init__(self, input_dim=1, n_outputs=2):
        super().__init__(input_dim, n_outputs)


def make(**params):
    return make_net(Linear, cls=ActiveSetNetClassifier, callbacks=[InputShapeSetter()], **params)


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, Adam])
def test_a_net_is_that_of_a_module_with_the_shape_from_the_start(optimizer):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    net = make(optimizer=optimizer).fit(X, Y)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    params = {"cls": ActiveSetNetClassifier, "module__input_dim": N_FEATURES}
    told = make_net(Linear, optimizer=optimizer, **params).fit(X, Y)
    assert_same_bits(net, told)
    assert not torch.equal(net.module_.weight, told.initialize().module_.weight)  # it was trained


def test_random_numbers_of_the_module_are_those_of_random_state():
    nets = [make(random_state=np.random.RandomState(seed)).fit(X, Y) for seed in (3, 3, 4)]
    assert_same_bits(nets[0], nets[1])
    assert not torch.equal(nets[0].module_.weight, nets[2].module_.weight)


def test_the_optimizer_has_the_new_module_alone():
    net = make().fit(X, Y)
    held = [p for group in net.optimizer_.param_groups for p in group["params"]]
    assert set(held) == set(net.module_.parameters())
    net.partial_fit(X, Y)  # the shape is known: nothing is made anew
    assert [p for group in net.optimizer_.param_groups for p in group["params"]] == held


def test_a_net_is_fitted_again_on_data_of_another_shape():
    net = make().fit(X, Y)
    assert net.fit(WIDE, Y).module_.in_features == 5
    assert net.predict(WIDE).shape == Y.shape
    mlp = make_net(
        cls=ActiveSetNetClassifier, callbacks=[InputShapeSetter("n_inputs")], module__n_inputs=1
    )
    assert mlp.fit(WIDE, Y).module_.linears[0].in_features == 5


class Dtypes(Callback):
    """Keeps the type of the weights that are trained."""

    def initialize(self):
        self.seen_ = set()
        return self

    def on_epoch_begin(self, net, **kwargs):
        self.seen_ |= {parameter.dtype for parameter in net.module_.parameters()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_estimator_checks_and_lays_out_the_module_that_is_trained(dtype):
    params = {"max_epochs": 4, "random_state": 0, "device": "cpu", "dtype": dtype, "lr": 0.1}
    dtypes = Dtypes()
    model = ShrinkingClassifier(Linear, callbacks=[InputShapeSetter(), dtypes], **params)
    model.fit(X, Y, X_val=X, y_val=Y)
    assert dtypes.seen_ == {getattr(torch, dtype)}
    told = ShrinkingClassifier(Linear, module__input_dim=N_FEATURES, **params)
    told.fit(X, Y, X_val=X, y_val=Y)
    assert_same_bits(model.net_, told.net_)
    assert model.history_[-1]["valid_loss"] < model.history_[0]["valid_loss"]
    assert model.fit(WIDE, Y).net_.module_.in_features == 5


def test_an_estimator_goes_on_with_the_module_that_was_made():
    model = ShrinkingClassifier(
        Linear, callbacks=[InputShapeSetter()], max_epochs=2, random_state=0, warm_start=True
    ).fit(X, Y)
    module, before = model.net_.module_, weights(model.net_)
    model.fit(X, Y)
    assert model.net_.module_ is module
    assert not torch.equal(weights(model.net_)["weight"], before["weight"])
    model.partial_fit(X, Y)
    assert model.net_.module_ is module
    assert model.n_iter_ == 5


def test_modules_of_an_estimator_that_need_no_setter_are_left_alone():
    params = {"max_epochs": 2, "random_state": 0, "module__hidden_layer_sizes": (4,)}
    setter = InputShapeSetter("n_inputs")
    models = [ShrinkingClassifier(MLP, callbacks=c, **params).fit(X, Y) for c in ([setter], [])]
    assert_same_bits(*(model.net_ for model in models))
