"""Own modules train on a device without asking it for a value, and without a tensor elsewhere."""

from functools import partial

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException

from sk_sdlr.modules import ACTIVATIONS, CNN, CNN_PRESETS, MLP, RBM
from tests.fake_device import DEVICE, LeavesDevice, run_on_fake_device

NETS = {
    **{f"mlp_{name}": (partial(MLP, 6, 2, activation=name), (4, 6)) for name in ACTIVATIONS},
    "mlp_full": (partial(MLP, 6, 2, dropout=0.5, batch_norm=True), (4, 6)),
    "mlp_one_row": (partial(MLP, 6, 2, dropout=0.5, batch_norm=True), (1, 6)),
    "mlp_sigmoid": (partial(MLP, 6, 2, output_activation="sigmoid"), (4, 6)),
    **{
        f"cnn_{name}": (
            partial(CNN, shape, 2, layers=name, dropout=0.5, batch_norm=True),
            (3, *shape),
        )
        for name, shape in zip(CNN_PRESETS, [(1, 8, 8), (1, 28, 28), (3, 32, 32)], strict=True)
    },
    "rbm": (partial(RBM, 6, 3), (4, 6)),
}


def train_on_fake_device(make_net, shape, **params):
    """Run a net forward in training mode, and backward; return its output and itself."""

    def use(made):
        net, x = made
        output = net(x)
        output.sum().backward()
        return output, net

    return run_on_fake_device(lambda: (make_net().train(), torch.rand(shape)), use, **params)


@pytest.mark.parametrize("name", NETS)
def test_nets_train_on_the_device(name):
    output, net = train_on_fake_device(*NETS[name])
    assert output.device == DEVICE
    assert {tensor.device for tensor in net.state_dict().values()} == {DEVICE}
    grads = [p.grad for key, p in net.named_parameters() if key != "visible_bias"]
    assert {grad.device for grad in grads} == {DEVICE}


@pytest.mark.parametrize("visible", ["bernoulli", "gaussian"])
def test_machines_draw_and_learn_their_features_on_the_device(visible):
    def use(made):
        rbm, v = made
        h = rbm.sample_hidden(v)
        drawn = [h, rbm.sample_visible(h), rbm.free_energy(v), rbm.as_linear()(v)]
        drawn += [] if rbm.is_gaussian else [rbm.pseudo_log_likelihood(v)]
        rbm.fit_visible(v)
        return drawn

    drawn = run_on_fake_device(lambda: (RBM(6, 3, visible=visible), torch.rand(4, 6)), use)
    assert {tensor.device for tensor in drawn} == {DEVICE}


# That the helper can fail


class Wrong(nn.Linear):
    """A layer whose forward pass does what is said."""

    def __init__(self, does):
        super().__init__(6, 2)
        self.does = does

    def forward(self, x):
        return self.does(super().forward(x))


class WrongGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, does):
        ctx.does = does
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return ctx.does(grad), None


QUESTIONS = [
    (lambda x: x * x.sum().item(), DataDependentOutputException),
    (lambda x: x if (x > 0).any() else -x, DataDependentOutputException),
    (lambda x: x * x.tolist()[0][0], DataDependentOutputException),
    (lambda x: x.cpu(), LeavesDevice),
    (lambda x: x * x.sum().cpu(), LeavesDevice),
    (lambda x: x + torch.ones(2), LeavesDevice),
    (lambda x: x + torch.ones(2).to(DEVICE), LeavesDevice),
]


@pytest.mark.parametrize("when", ["forward", "backward"])
@pytest.mark.parametrize(("does", "error"), QUESTIONS)
def test_the_helper_sees_what_asks_or_leaves_the_device(does, error, when):
    if when == "backward":
        does = partial(lambda does, x: WrongGradient.apply(x, does), does)
    with pytest.raises(error):
        train_on_fake_device(lambda: Wrong(does), (4, 6))


@pytest.mark.parametrize(
    ("does", "error"),
    [
        (lambda x: x + torch.ones(2).to(DEVICE), None),
        (lambda x: x + torch.ones(2), RuntimeError),
        (lambda x: x.cpu(), LeavesDevice),
    ],
)
def test_what_may_use_the_host_may_not_mix_devices(does, error):
    def call():
        return train_on_fake_device(lambda: Wrong(does), (4, 6), may_use_host=True)

    if error is None:
        assert call()[0].device == DEVICE
        return
    with pytest.raises(error):
        call()
