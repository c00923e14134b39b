from copy import deepcopy
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations
from torch.optim import SGD, Adam, AdamW, RMSprop

from sk_sdlr.modules import ACTIVATIONS, MLP
from sk_sdlr.training import AutogradStep, DenseStep, SquaredError, _batches
from sk_sdlr.training._dense_step import dense_step_applies
from sk_sdlr.training._isolation import seeded

# Adam divides a gradient by its own size, so of a gradient that is nothing but rounding it makes
# a full step into a random direction. An eps far above the rounding keeps the two comparable.
ADAM = {"lr": 0.01, "eps": 1e-3}

UNFUSED = {
    "sgd": partial(SGD, lr=0.1),
    "sgd, decay": partial(SGD, lr=0.1, weight_decay=0.1),
    "momentum": partial(SGD, lr=0.03, momentum=0.9),
    "momentum, damped, decay": partial(SGD, lr=0.03, momentum=0.9, dampening=0.5, weight_decay=0.1),
    "nesterov": partial(SGD, lr=0.03, momentum=0.9, nesterov=True),
    "adam": partial(Adam, **ADAM),
    "adam, amsgrad, decay": partial(Adam, **ADAM, amsgrad=True, weight_decay=0.1),
    "adamw": partial(AdamW, **ADAM, weight_decay=0.1),
}
OPTIMIZERS = UNFUSED | {
    f"{name}, fused": partial(make, fused=True) for name, make in UNFUSED.items()
}

LOSSES = {
    "cross-entropy": (nn.CrossEntropyLoss, "softmax"),
    "squared error": (SquaredError, "identity"),
    "squared error of sigmoids": (SquaredError, "sigmoid"),
}

TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}
N_STEPS = 20


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=5),
    batch_size=st.integers(1, 8),
    n_samples=st.integers(1, 20),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    weighted=st.booleans(),
    dtype=st.sampled_from(sorted(TOLERANCES, key=str)),
    late_rate=st.sampled_from([1.0, 0.5, 0.0]),
    seed=st.integers(0, 1000),
)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_twenty_dense_steps_are_twenty_autograd_steps(
    activation, loss, sizes, batch_size, n_samples, optimizer, weighted, dtype, late_rate, seed
):
    n_inputs, *hidden, n_outputs = sizes
    criterion, output_activation = LOSSES[loss]
    with seeded(seed):
        net = MLP(
            n_inputs,
            n_outputs,
            hidden_layer_sizes=hidden,
            activation=activation,
            output_activation=output_activation,
        ).to(dtype)
        X = torch.rand(n_samples, n_inputs, dtype=dtype) * 2 - 1
        classes = torch.randint(n_outputs, (n_samples,))
        targets = torch.rand(n_samples, n_outputs, dtype=dtype)
        weight = torch.rand(n_samples, dtype=dtype) * 2
    y = classes if loss == "cross-entropy" else targets
    twin = deepcopy(net)
    close = partial(torch.testing.assert_close, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype])
    optimizers = [OPTIMIZERS[optimizer](module.parameters()) for module in (net, twin)]
    dense = DenseStep(net, criterion(), optimizers[0])
    autograd = AutogradStep(twin, criterion(), optimizers[1])

    parts = range(0, n_samples, batch_size)
    for i in range(N_STEPS):
        if i == N_STEPS // 2:
            for made in optimizers:
                made.param_groups[0]["lr"] *= late_rate
        rows = slice(parts[i % len(parts)], parts[i % len(parts)] + batch_size)
        w = weight[rows] if weighted else None
        error, expected_error = torch.full_like(weight[rows], -1), torch.full_like(weight[rows], -2)
        output = dense(X[rows], y[rows], w, error)
        expected = autograd(X[rows], y[rows], w, expected_error)
        close(output, expected)
        close(error, expected_error)
    close(dict(net.named_parameters()), dict(twin.named_parameters()))


def test_errors_and_outputs_are_those_before_the_update():
    net = MLP(3, 2, hidden_layer_sizes=(4,))
    X, y = torch.ones(5, 3), torch.tensor([0, 1, 0, 1, 1])
    expected = net(X).detach()
    error = torch.empty(5)
    output = DenseStep(net, nn.CrossEntropyLoss(), SGD(net.parameters(), lr=1.0))(X, y, None, error)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(error, nn.CrossEntropyLoss(reduction="none")(expected, y))
    assert not torch.allclose(net(X), expected)


def test_weights_are_not_in_the_errors():
    # A row must not look easy because it counts for little.
    net = MLP(3, 2)
    X, y, weight = torch.ones(5, 3), torch.zeros(5, 2), torch.arange(5.0)
    expected = SquaredError("none")(net(X), y).detach()
    error = torch.empty(5)
    DenseStep(net, SquaredError(), SGD(net.parameters(), lr=0.1))(X, y, weight, error)
    torch.testing.assert_close(error, expected)


def test_data_and_weights_are_left_as_they_were():
    net = MLP(3, 2)
    X, y, weight = torch.rand(5, 3), torch.rand(5, 2), torch.rand(5)
    before = deepcopy((X, y, weight))
    DenseStep(net, SquaredError(), SGD(net.parameters(), lr=0.1))(X, y, weight, torch.empty(5))
    assert all(torch.equal(a, b) for a, b in zip((X, y, weight), before, strict=True))


def test_weights_loaded_between_steps_are_trained_on():
    net, other = MLP(3, 2), MLP(3, 2)
    step = DenseStep(net, SquaredError(), SGD(net.parameters(), lr=0.1))
    X, y, error = torch.ones(5, 3), torch.zeros(5, 2), torch.empty(5)
    step(X, y, None, error)
    net.load_state_dict(other.state_dict())
    torch.testing.assert_close(step(X, y, None, error), other(X).detach())


def some_net(loss, n_outputs, n_samples, dtype=torch.float32):
    """Return a net, its criterion, features and targets."""
    criterion, output_activation = LOSSES[loss]
    net = MLP(3, n_outputs, hidden_layer_sizes=(4,), output_activation=output_activation).to(dtype)
    classes = torch.arange(n_samples) % n_outputs
    y = classes if loss == "cross-entropy" else torch.rand(n_samples, n_outputs, dtype=dtype)
    return net, criterion(), torch.randn(n_samples, 3, dtype=dtype), y


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("batch_size", [None, 1, 5])
@pytest.mark.parametrize("n_outputs", [1, 2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_errors_of_the_outputs_are_those_of_autograd(
    loss, n_outputs, batch_size, together, dtype, monkeypatch
):
    if not together:
        monkeypatch.setattr(_batches, "CHUNK_BYTES", 1)  # a piece has room for one batch
    net, criterion, X, y = some_net(loss, n_outputs, 23, dtype)
    twin, weight = deepcopy(net), torch.rand(23, dtype=dtype)
    steps = [
        DenseStep(net, criterion, SGD(net.parameters(), lr=0.5)),
        AutogradStep(twin, criterion, SGD(twin.parameters(), lr=0.5)),
    ]
    squared = torch.full((2, 23), torch.nan, dtype=dtype)
    for _ in range(3):
        for step, output_error in zip(steps, squared, strict=True):
            step(X, y, weight, X.new_empty(23), batch_size, output_error)
        tolerance = 10 * TOLERANCES[dtype]
        torch.testing.assert_close(*squared, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("n_inputs", "batch_size"), [(7, 100), (28, 100), (28, 16)])
def test_what_is_gathered_at_a_time_of_a_table_is_one_piece(n_inputs, batch_size, loss):
    n_samples = 100_000
    y = torch.zeros(n_samples, dtype=torch.int64)
    y = y if loss == "cross-entropy" else torch.zeros(n_samples, 2)
    criterion, output_activation = LOSSES[loss]
    net = MLP(n_inputs, 2, hidden_layer_sizes=(5,), output_activation=output_activation)
    step = DenseStep(net, criterion(), SGD(net.parameters(), lr=0.1))
    gather = _batches.Gather([torch.zeros(n_samples, n_inputs), y], batch_size)
    part_x, part_y = next(gather(torch.arange(n_samples)))
    step(part_x, part_y, None, part_x.new_empty(len(part_x)), batch_size)
    assert step.piece.n_batches * batch_size == len(part_x) > batch_size


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("n_outputs", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_errors_of_the_outputs_leave_the_training_as_it_is_bit_for_bit(loss, n_outputs, optimizer):
    net, criterion, X, y = some_net(loss, n_outputs, 23)
    nets, errors, outputs = [net, deepcopy(net)], torch.empty(2, 23), []
    for module, error, asked in zip(nets, errors, (False, True), strict=True):
        step = DenseStep(module, criterion, OPTIMIZERS[optimizer](module.parameters()))
        for n in (23, 9, 20):
            squared = torch.empty(n) if asked else None
            outputs.append(step(X[:n], y[:n], None, error[:n], 5, squared).clone())
    assert all(map(torch.equal, outputs[:3], outputs[3:]))
    assert torch.equal(*errors)
    assert all(map(torch.equal, *(module.parameters() for module in nets)))


@pytest.mark.parametrize(("target", "expected"), [(0, 0.0), (1, 1.0)])
@pytest.mark.parametrize("n_outputs", [2, 3])
def test_errors_of_the_outputs_are_0_and_1_where_probabilities_are(n_outputs, target, expected):
    net, criterion, X, _ = some_net("cross-entropy", n_outputs, 4)
    with torch.no_grad():
        net.linears[-1].bias[0] = 1e4
    squared = torch.empty(4)
    step = DenseStep(net, criterion, SGD(net.parameters(), lr=0.1))
    step(X, torch.full((4,), target), None, torch.empty(4), None, squared)
    assert squared.tolist() == [expected] * 4


class MyMLP(MLP):
    pass


class MyLinear(nn.Linear):
    pass


class MyLoss(nn.CrossEntropyLoss):
    pass


def change(module, function):
    function(module)
    return module


def ignore(*_):
    pass


def small(**kwargs):
    return MLP(3, 2, hidden_layer_sizes=(4,), **kwargs)


NETS_OF_PLAIN_PARTS = {
    "logits": (small(), nn.CrossEntropyLoss()),
    "softmax": (small(output_activation="softmax"), nn.CrossEntropyLoss()),
    "squared error": (small(), SquaredError()),
    "squared error of sigmoids": (small(output_activation="sigmoid"), SquaredError()),
    "linear": (MLP(3, 2, hidden_layer_sizes=()), nn.CrossEntropyLoss()),
}

OTHER_NETS = {
    "another module": nn.Linear(3, 2),
    "subclass": MyMLP(3, 2),
    "batch norm": small(batch_norm=True),
    "dropout": small(dropout=0.5),
    "sigmoid outputs": small(output_activation="sigmoid"),
    "frozen weight": change(small(), lambda m: m.linears[0].weight.requires_grad_(False)),
    "frozen bias": change(small(), lambda m: m.linears[1].bias.requires_grad_(False)),
    "forward hook": change(small(), lambda m: m.register_forward_hook(ignore)),
    "forward pre-hook": change(small(), lambda m: m.linears[0].register_forward_pre_hook(ignore)),
    "backward hook": change(small(), lambda m: m.linears[1].register_full_backward_hook(ignore)),
    "backward pre-hook": change(
        small(), lambda m: m.after[0].register_full_backward_pre_hook(ignore)
    ),
    "hook on a weight": change(small(), lambda m: m.linears[0].weight.register_hook(ignore)),
    "hook after a gradient": change(
        small(), lambda m: m.linears[0].weight.register_post_accumulate_grad_hook(ignore)
    ),
    "parametrised weight": change(small(), lambda m: parametrizations.weight_norm(m.linears[0])),
    "layer without bias": change(
        small(), lambda m: m.linears.__setitem__(0, nn.Linear(3, 4, bias=False))
    ),
    "another kind of layer": change(small(), lambda m: m.linears.__setitem__(0, MyLinear(3, 4))),
}

OTHER_LOSSES = {
    "label smoothing": nn.CrossEntropyLoss(label_smoothing=0.1),
    "class weights": nn.CrossEntropyLoss(weight=torch.ones(2)),
    "ignored class": nn.CrossEntropyLoss(ignore_index=1),
    "subclass": MyLoss(),
    "mean over outputs": nn.MSELoss(),
}

OTHER_OPTIMIZERS = {
    "another": lambda m: RMSprop(m.parameters()),
    "two groups": lambda m: SGD(
        [{"params": linear.parameters(), "lr": 0.1} for linear in m.linears]
    ),
    "maximize": lambda m: SGD(m.parameters(), lr=0.1, maximize=True),
    "some of the weights": lambda m: SGD(m.linears[1].parameters(), lr=0.1),
}

REFUSED = (
    [pytest.param(net, nn.CrossEntropyLoss(), SGD, id=k) for k, net in OTHER_NETS.items()]
    + [pytest.param(small(), loss, SGD, id=f"loss: {k}") for k, loss in OTHER_LOSSES.items()]
    + [
        pytest.param(
            small(output_activation="softmax"), SquaredError(), SGD, id="squared error of logits"
        )
    ]
)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", NETS_OF_PLAIN_PARTS)
def test_plain_nets_losses_and_optimisers_are_taken(name, optimizer):
    net, criterion = NETS_OF_PLAIN_PARTS[name]
    made = OPTIMIZERS[optimizer](net.parameters())
    assert dense_step_applies(net, criterion, made)


@pytest.mark.parametrize(("net", "criterion", "optimizer"), REFUSED)
def test_everything_else_is_refused(net, criterion, optimizer):
    made = optimizer(net.parameters(), lr=0.1)
    assert not dense_step_applies(net, criterion, made)
    with pytest.raises(ValueError, match=f"DenseStep takes plain MLPs.*{type(net).__name__}"):
        DenseStep(net, criterion, made)


@pytest.mark.parametrize("name", OTHER_OPTIMIZERS)
def test_other_optimisers_are_refused(name):
    net = small()
    optimizer = OTHER_OPTIMIZERS[name](net)
    assert not dense_step_applies(net, nn.CrossEntropyLoss(), optimizer)
    with pytest.raises(ValueError, match=f"DenseStep takes.*{type(optimizer).__name__}"):
        DenseStep(net, nn.CrossEntropyLoss(), optimizer)
