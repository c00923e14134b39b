"""A chain of layers is the step of autograd, masks of dropout included."""

from copy import deepcopy
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import SGD, Adam, AdamW

from sk_sdlr.modules import (
    ACTIVATIONS,
    MLP,
    JoinMembers,
    MeanOfMembers,
    MemberLinear,
    ScaledTanh,
    Scaling,
    SplitMembers,
)
from sk_sdlr.modules._dropout import Dropout
from sk_sdlr.modules._random import drawing_from
from sk_sdlr.steps import Objective, SquaredError, _matmul
from sk_sdlr.steps._autograd import AutogradStep
from sk_sdlr.steps._step import Batches
from sk_sdlr.steps.chain._chain import ChainStep

# An eps far above the rounding: see test_dense.py. The bias before a batch norm has a gradient of
# nothing but rounding.
ADAM = {"lr": 0.01, "eps": 1e-3}
OPTIMIZERS = {
    "sgd": partial(SGD, lr=0.1),
    "sgd_decay": partial(SGD, lr=0.1, weight_decay=0.1),
    "momentum": partial(SGD, lr=0.03, momentum=0.9, dampening=0.5, weight_decay=0.1),
    "nesterov": partial(SGD, lr=0.03, momentum=0.9, nesterov=True),
    "adam": partial(Adam, **ADAM, weight_decay=0.1),
    "adamw": partial(AdamW, **ADAM, weight_decay=0.1),
}
LOSSES = {
    "cross_entropy": (nn.CrossEntropyLoss, "softmax"),
    "smoothed": (partial(nn.CrossEntropyLoss, label_smoothing=0.1), "softmax"),
    "squared_error": (SquaredError, "identity"),
    "squared_error_of_sigmoids": (SquaredError, "sigmoid"),
}


class DropoutOfBytes(nn.Module):
    """What the chain's dropout does, for autograd: a unit is dropped if its byte is low."""

    def __init__(self, p, n_rows):
        super().__init__()
        self.level, self.n_rows = round(p * 256), n_rows

    def forward(self, x):
        n_units = self.n_rows * x.shape[1]
        words = torch.empty(-(-n_units // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= self.level
        return x * kept * (256 / (256 - self.level))


def with_bytes(module, batch_size):
    """Return a copy whose dropouts draw what those of a chain do."""
    twin = deepcopy(module)
    if any(isinstance(part, SplitMembers) for part in module.modules()):
        batch_size *= 2
    for parent in list(twin.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Dropout):
                setattr(parent, name, DropoutOfBytes(child.p, batch_size))
    return twin


def step_of(kind, module, loss, optimizer):
    made = optimizer(module.parameters())
    for group in made.param_groups:
        group["initial_lr"] = group["lr"]
    return kind(module.train(), Objective(LOSSES[loss][0]()), made)


def some_rows(loss, n, batch_size, n_inputs, n_outputs, *, weighted=True, **params):
    x, weight = torch.rand(n, n_inputs).double() * 2 - 1, torch.rand(n).double() * 2
    y = torch.rand(n, n_outputs).double()
    y = torch.randint(n_outputs, (n,)) if "squared" not in loss else y
    error, output_error = torch.full((2, n), torch.nan).double()
    weight = weight if weighted else None
    return Batches(x, y, error, batch_size, weight, output_error, **params)


def seeded_call(step, batches):
    """Learn batches, with torch's global generator in the same state each time."""
    with torch.random.fork_rng(devices=[]), drawing_from(None):
        torch.manual_seed(3)
        return step(batches)


def assert_same_training(module, loss, optimizer, batches, n_calls=20, **tolerance):
    close = partial(torch.testing.assert_close, **tolerance)
    twin = with_bytes(module, batches.batch_size)
    chain = step_of(ChainStep, module, loss, optimizer)
    autograd = step_of(AutogradStep, twin, loss, optimizer)
    other = deepcopy(batches)
    for _ in range(n_calls):
        close(seeded_call(chain, batches).clone(), seeded_call(autograd, other))
        close(batches.error, other.error)
        close(batches.output_error, other.output_error)
    chain.close()
    close(dict(module.state_dict()), dict(twin.state_dict()))


EXACT = {"rtol": 1e-10, "atol": 1e-10}


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    hidden=st.lists(st.integers(1, 5), max_size=3),
    batch_size=st.integers(2, 8),
    n_samples=st.integers(1, 20),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    batch_norm=st.booleans(),
    dropout=st.sampled_from([0.0, 0.2, 0.5]),
    n_members=st.sampled_from([1, 1, 2, 3]),
    scaling=st.booleans(),
    optimizer=st.sampled_from(sorted(OPTIMIZERS)),
    weighted=st.booleans(),
    factors=st.none() | st.lists(st.sampled_from([1.0, 0.5, 0.0]), min_size=20, max_size=20),
    seed=st.integers(0, 1000),
)
@pytest.mark.parametrize("loss", LOSSES)
def test_chains_are_autograd(
    loss,
    hidden,
    batch_size,
    n_samples,
    activation,
    batch_norm,
    dropout,
    n_members,
    scaling,
    optimizer,
    weighted,
    factors,
    seed,
):
    torch.manual_seed(seed)
    module = MLP(
        4,
        3,
        hidden_layer_sizes=hidden,
        activation=activation,
        output_activation=LOSSES[loss][1],
        batch_norm=batch_norm,
        dropout=dropout,
        n_members=n_members,
        scaling=scaling,
    ).double()
    batches = some_rows(loss, n_samples, batch_size, 4, 3, weighted=weighted, lr_factors=factors)
    assert_same_training(module, loss, OPTIMIZERS[optimizer], batches, **EXACT)


MEAN_OF_2 = MeanOfMembers(2)
# Members that share all but the factors of their inputs and their last layer.
SHARED = [
    SplitMembers(2, 4),
    nn.Linear(4, 5),
    nn.BatchNorm1d(5),
    nn.ReLU(),
    Dropout(0.3),
    nn.Linear(5, 5),
    nn.Tanh(),
    JoinMembers(2),
    MemberLinear(2, 5, 3),
]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize(
    "parts",
    [
        [nn.Dropout(0.3), nn.Linear(4, 6), nn.Mish(), nn.Linear(6, 3)],
        [nn.BatchNorm1d(4), nn.Linear(4, 6), nn.SELU(), nn.Dropout(0.3), nn.Linear(6, 3)],
        [nn.Linear(4, 6), nn.ReLU(), Dropout(0.3), nn.BatchNorm1d(6), nn.Linear(6, 3)],
        [nn.Linear(4, 6, bias=False), nn.Identity(), nn.Tanh(), nn.Linear(6, 3), nn.Dropout(0.3)],
        [nn.Sequential(nn.Linear(4, 6), nn.Sequential(nn.GELU())), nn.Linear(6, 3), nn.Sigmoid()],
        [nn.Linear(4, 6), nn.Linear(6, 3), nn.BatchNorm1d(3)],
        [nn.ReLU(), nn.Dropout(0.3), nn.Linear(4, 3)],
        [ScaledTanh(), nn.Linear(4, 3)],
        [Scaling(4), nn.Dropout(0.3), nn.Linear(4, 3)],
        [Scaling(4), nn.Tanh(), Scaling(4), nn.Linear(4, 3)],
        [nn.Linear(4, 6), nn.ReLU(), Scaling(6), nn.Linear(6, 3, bias=False)],
        [MemberLinear(2, 2, 3), nn.ReLU(), MemberLinear(3, 2, 1)],
        [MemberLinear(2, 2, 3), nn.BatchNorm1d(6), nn.SiLU(), MemberLinear(2, 3, 3), MEAN_OF_2],
        [*SHARED, MEAN_OF_2],
        [nn.Linear(4, 4), nn.ReLU(), *SHARED, MEAN_OF_2],
    ],
    ids=lambda parts: "-".join(type(part).__name__ for part in parts),
)
def test_a_sequential_of_known_layers_is_a_chain(parts, optimizer):
    torch.manual_seed(0)
    module = nn.Sequential(*deepcopy(parts)).double()
    batches = some_rows("squared_error", 22, 8, 4, 3)
    x = batches.x.clone()
    assert_same_training(module, "squared_error", OPTIMIZERS[optimizer], batches, **EXACT)
    torch.testing.assert_close(batches.x, x, rtol=0, atol=0)


def test_groups_have_rates_and_decays_of_their_own():
    torch.manual_seed(0)
    module = MLP(4, 3, hidden_layer_sizes=(5,), batch_norm=True).double()

    def optimizer(parameters):
        first, *others = parameters
        groups = [{"params": others}, {"params": [first], "lr": 0.1, "weight_decay": 0.5}]
        return AdamW(groups, **ADAM, weight_decay=0.0)

    batches = some_rows("cross_entropy", 22, 8, 4, 3, lr_factors=[1.0, 0.5, 0.1])
    assert_same_training(module, "cross_entropy", optimizer, batches, **EXACT)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_a_chain_goes_on_with_the_state_of_torchs_own_optimiser_and_leaves_it(optimizer):
    torch.manual_seed(0)
    module = MLP(4, 3, hidden_layer_sizes=(5,), batch_norm=True).double()
    twin = deepcopy(module)
    made, others = (OPTIMIZERS[optimizer](each.parameters()) for each in (module, twin))
    objective, batches = Objective(nn.CrossEntropyLoss()), some_rows("cross_entropy", 22, 8, 4, 3)
    for kind in (AutogradStep, ChainStep, AutogradStep, ChainStep):
        step = kind(module.train(), objective, made)
        step(batches)
        step.close()
        AutogradStep(twin.train(), objective, others)(batches)
    torch.testing.assert_close(dict(module.state_dict()), dict(twin.state_dict()), **EXACT)
    for mine, other in zip(module.parameters(), twin.parameters(), strict=True):
        assert mine.is_contiguous()
        assert mine.data_ptr() not in {p.data_ptr() for p in twin.parameters()}
        torch.testing.assert_close(made.state.get(mine), others.state.get(other), **EXACT)


@pytest.mark.parametrize("onednn", [True, False])
def test_float32_and_large_products_change_nothing_but_the_rounding(onednn, monkeypatch):
    monkeypatch.setattr(_matmul, "ONEDNN_FROM", 0)
    monkeypatch.setattr(_matmul, "USES_ONEDNN", onednn and _matmul.HAS_ONEDNN)
    torch.manual_seed(0)
    module = MLP(4, 3, hidden_layer_sizes=(6, 5), batch_norm=True, dropout=0.5)
    batches = some_rows("cross_entropy", 22, 8, 4, 3)
    for name in ("x", "error", "weight", "output_error"):
        setattr(batches, name, getattr(batches, name).float())
    optimizer = OPTIMIZERS["sgd_decay"]
    assert_same_training(module, "cross_entropy", optimizer, batches, 3, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_outputs", [2, 3])
def test_a_class_that_has_no_output_is_an_error(n_outputs):
    module = MLP(4, n_outputs, hidden_layer_sizes=(5,), batch_norm=True).double()
    step = step_of(ChainStep, module, "cross_entropy", OPTIMIZERS["sgd"])
    batches = some_rows("cross_entropy", 6, 6, 4, n_outputs)
    batches.y[3] = n_outputs
    with pytest.raises(RuntimeError, match=r"out of bounds"):
        step(batches)


def tied():
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    second.weight = first.weight
    return nn.Sequential(first, nn.ReLU(), second)


def frozen():
    module = MLP(4, 3)
    module.linears[0].weight.requires_grad_(False)
    return module


def hooked():
    module = MLP(4, 3, dropout=0.2)
    module.linears[0].register_forward_hook(lambda *arguments: None)
    return module


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(4, 3), nn.Softplus()),
        nn.Sequential(nn.Linear(4, 3), nn.GELU(approximate="tanh")),
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False)),
        nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.001)),  # less than a byte can tell
        nn.Sequential(nn.ReLU()),
        tied(),
        frozen(),
        hooked(),
    ],
    ids=lambda module: str(module).replace("\n", ""),
)
def test_what_is_no_chain_is_refused(module):
    parameters = list(module.parameters()) or [nn.Parameter(torch.zeros(1))]
    with pytest.raises(ValueError, match=r"step='dense' needs an MLP or an nn.Sequential"):
        ChainStep(module, Objective(SquaredError()), SGD(parameters, lr=0.1))


def masks(p, width=50, n_batches=400, n=64):
    """Return which units a dropout dropped, (n_batches, n, width)."""
    module = nn.Sequential(nn.Dropout(p), nn.Linear(width, 1))
    step = step_of(ChainStep, module, "squared_error", OPTIMIZERS["sgd"])
    dropout, dropped = step.layers[0], []
    generator = torch.Generator().manual_seed(0)
    with drawing_from(generator):
        for _ in range(n_batches):
            x, error = torch.ones(n, width), torch.empty(n)
            step(Batches(x, torch.zeros(n, 1), error, n))
            dropped.append(dropout.mask == 0)
    return torch.stack(dropped).double()


@pytest.mark.parametrize("p", [0.1, 0.2, 0.5])
def test_units_are_dropped_at_the_rate_and_independently(p):
    dropped, rate = masks(p), round(p * 256) / 256
    centred = dropped - rate
    spread = rate * (1 - rate)
    # Means of as many draws as there are: each is nearly normal, and 4.5 deviations wide is rare.
    assert abs(centred.mean()) < 4.5 * (spread / dropped.numel()) ** 0.5
    for axis in range(3):  # neighbours in batches, rows and units
        pairs = centred.narrow(axis, 1, dropped.shape[axis] - 1) * centred.narrow(
            axis, 0, dropped.shape[axis] - 1
        )
        assert abs(pairs.mean()) < 4.5 * spread / pairs.numel() ** 0.5
    of_units = dropped.mean((0, 1))
    deviations = (of_units - rate) / (spread / (dropped.numel() / len(of_units))) ** 0.5
    assert deviations.abs().max() < 4.5
    assert 0.6 < deviations.std() < 1.4
