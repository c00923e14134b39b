"""The step in closed form is the step of autograd."""

from copy import deepcopy
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD, Adam, AdamW

from sk_sdlr.modules import MLP
from sk_sdlr.steps import Objective, SquaredError, _dense_workspace, _matmul
from sk_sdlr.steps._autograd import AutogradStep
from sk_sdlr.steps._chunks import CHUNK_BYTES
from sk_sdlr.steps._dense import DenseStep
from sk_sdlr.steps._dense_activations import DENSE_ACTIVATIONS
from sk_sdlr.steps._step import Batches

# Adam divides a gradient by its own size, so of a gradient that is nothing but rounding it makes
# a full step into a random direction. An eps far above the rounding keeps the two comparable.
ADAM = {"lr": 0.01, "eps": 1e-3}
UNFUSED = {
    "sgd": partial(SGD, lr=0.1),
    "sgd_decay": partial(SGD, lr=0.1, weight_decay=0.1),
    "momentum": partial(SGD, lr=0.03, momentum=0.9),
    "momentum_damped_decay": partial(SGD, lr=0.03, momentum=0.9, dampening=0.5, weight_decay=0.1),
    "nesterov": partial(SGD, lr=0.03, momentum=0.9, nesterov=True),
    "adam": partial(Adam, **ADAM),
    "adam_amsgrad_decay": partial(Adam, **ADAM, amsgrad=True, weight_decay=0.1),
    "adamw": partial(AdamW, **ADAM, weight_decay=0.1),
}
OPTIMIZERS = UNFUSED | {
    f"{name}_fused": partial(make, fused=True) for name, make in UNFUSED.items()
}
LOSSES = {
    "cross_entropy": (nn.CrossEntropyLoss, "softmax"),
    "squared_error": (SquaredError, "identity"),
    "squared_error_of_sigmoids": (SquaredError, "sigmoid"),
}


def some_net(loss, sizes, activation="relu", dtype=torch.float64):
    n_inputs, *hidden, n_outputs = sizes
    return MLP(
        n_inputs,
        n_outputs,
        hidden_layer_sizes=hidden,
        activation=activation,
        output_activation=LOSSES[loss][1],
    ).to(dtype)


def some_rows(loss, net, n, batch_size, *, weighted=True, dtype=torch.float64, **params):
    n_inputs, n_outputs = net.linears[0].in_features, net.linears[-1].out_features
    x, weight = torch.rand(n, n_inputs, dtype=dtype) * 2 - 1, torch.rand(n, dtype=dtype) * 2
    y = torch.rand(n, n_outputs, dtype=dtype)
    y = torch.randint(n_outputs, (n,)) if loss == "cross_entropy" else y
    error, output_error = torch.full((2, n), torch.nan, dtype=dtype)
    weight = weight if weighted else None
    return Batches(x, y, error, batch_size, weight, output_error, **params)


def step_of(kind, net, loss, optimizer):
    made = optimizer(net.parameters())
    for group in made.param_groups:
        group["initial_lr"] = group["lr"]
    return kind(net, Objective(LOSSES[loss][0]()), made)


def assert_same_training(net, loss, optimizer, batches, n_calls, **tolerance):
    """Train a net and its twin by the two kinds of step, and hold all that comes out together."""
    close, twin = partial(torch.testing.assert_close, **tolerance), deepcopy(net)
    dense, autograd = (
        step_of(kind, module, loss, OPTIMIZERS[optimizer])
        for kind, module in ((DenseStep, net), (AutogradStep, twin))
    )
    other = deepcopy(batches)
    for _ in range(n_calls):
        close(dense(batches), autograd(other))
        close(batches.error, other.error)
        close(batches.output_error, other.output_error)
    close(dict(net.named_parameters()), dict(twin.named_parameters()))


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    batch_size=st.integers(1, 8),
    n_samples=st.integers(1, 20),
    activation=st.sampled_from(sorted(DENSE_ACTIVATIONS)),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    weighted=st.booleans(),
    room=st.sampled_from([0, _dense_workspace.ROOM]),  # for one batch at a time, or for all
    factors=st.none() | st.lists(st.sampled_from([1.0, 0.5, 0.0]), min_size=20, max_size=20),
    seed=st.integers(0, 1000),
)
@pytest.mark.parametrize("loss", LOSSES)
def test_dense_steps_are_autograd_steps(
    loss, sizes, batch_size, n_samples, activation, optimizer, weighted, room, factors, seed
):
    torch.manual_seed(seed)
    net = some_net(loss, sizes, activation)
    batches = some_rows(loss, net, n_samples, batch_size, weighted=weighted, lr_factors=factors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_dense_workspace, "ROOM", room)
        assert_same_training(net, loss, optimizer, batches, 5, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("optimizer", ["sgd_decay", "adamw_fused"])
@pytest.mark.parametrize("loss", LOSSES)
def test_float32_and_large_products_change_nothing_but_the_rounding(
    loss, optimizer, onednn, monkeypatch
):
    monkeypatch.setattr(_matmul, "ONEDNN_FROM", 0)
    monkeypatch.setattr(_matmul, "USES_ONEDNN", onednn and _matmul.HAS_ONEDNN)
    net = some_net(loss, (4, 6, 5, 3), "tanh", torch.float32)
    batches = some_rows(loss, net, 23, 5, dtype=torch.float32)
    assert_same_training(net, loss, optimizer, batches, 3, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam_fused"])
def test_settings_changed_between_two_calls_are_followed(optimizer):
    nets = [some_net("squared_error", (3, 4, 2))]
    nets.append(deepcopy(nets[0]))
    batches = some_rows("squared_error", nets[0], 6, 3)
    for kind, net in zip((DenseStep, AutogradStep), nets, strict=True):
        made = OPTIMIZERS[optimizer](net.parameters())
        step = kind(net, Objective(SquaredError()), made)
        step(batches)
        made.param_groups[0].update(lr=0.7, weight_decay=0.3)
        step(batches)
    torch.testing.assert_close(*(dict(net.named_parameters()) for net in nets))


@pytest.mark.parametrize(("target", "expected"), [(0, 0.0), (1, 1.0)])
@pytest.mark.parametrize("n_outputs", [2, 3])
def test_errors_of_the_outputs_are_0_and_1_where_probabilities_are(n_outputs, target, expected):
    net = some_net("cross_entropy", (3, 4, n_outputs))
    batches = some_rows("cross_entropy", net, 4, 4)
    with torch.no_grad():
        net.linears[-1].bias[0] = 1e4
    batches.y.fill_(target)
    step_of(DenseStep, net, "cross_entropy", OPTIMIZERS["sgd"])(batches)
    assert batches.output_error.tolist() == [expected] * 4


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("n_inputs", "batch_size"), [(7, 100), (28, 100), (28, 16)])
def test_a_workspace_has_room_for_what_is_gathered_at_a_time(n_inputs, batch_size, loss):
    net = some_net(loss, (n_inputs, 5, 2), dtype=torch.float32)
    one = some_rows(loss, net, 1, 1, dtype=torch.float32)
    n = CHUNK_BYTES // (one.x.nbytes + one.y.nbytes) // batch_size * batch_size
    step = step_of(DenseStep, net, loss, OPTIMIZERS["sgd"])
    step(some_rows(loss, net, n, batch_size, dtype=torch.float32))
    assert step.workspace.n_batches * batch_size == n > batch_size


def test_what_has_no_closed_form_is_refused():
    net = MLP(3, 2, dropout=0.5)
    with pytest.raises(ValueError, match=r"a plain MLP.*Got MLP, CrossEntropyLoss and SGD instead"):
        step_of(DenseStep, net, "cross_entropy", OPTIMIZERS["sgd"])
