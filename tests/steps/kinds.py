"""Every kind of step, and rows that it can learn."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Generator, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from sk_sdlr.modules import CNN, MLP, RBM
from sk_sdlr.steps import Objective, SquaredError
from sk_sdlr.steps._autograd import AutogradStep
from sk_sdlr.steps._contrastive_divergence import ContrastiveDivergenceStep
from sk_sdlr.steps._dense import DenseStep
from sk_sdlr.steps._step import Batches
from sk_sdlr.steps.chain._chain import ChainStep

# Of 16 numbers, so that each batch begins at a cache line wherever it is copied to: what begins
# elsewhere may be added up in another order.
BATCH_SIZE = 16
N_FEATURES, N_OUTPUTS = 16, 3


class Made(NamedTuple):
    """What a step trains, what makes one, and one."""

    module: nn.Module
    optimizer: Optimizer
    new_step: Callable[[], Any]
    step: Any = None


def of_objective(step, make_module, optimizer, criterion=nn.CrossEntropyLoss):
    def make(generator):
        module = make_module()
        made = optimizer(module.parameters())
        return Made(module, made, partial(step, module, Objective(criterion()), made))

    return make


def of_machine(visible="bernoulli", **params):
    def make(generator):
        rbm = RBM(N_FEATURES, N_OUTPUTS, visible=visible)
        optimizer = SGD(rbm.parameters(), lr=0.1, momentum=0.5, fused=True)
        objective = Objective(nn.MSELoss())
        step = partial(
            ContrastiveDivergenceStep, rbm, objective, optimizer, generator=generator, **params
        )
        return Made(rbm, optimizer, step)

    return make


def sequential():
    return nn.Sequential(
        nn.Sequential(nn.Linear(N_FEATURES, 8, bias=False), nn.Identity(), nn.GELU()),
        nn.Linear(8, N_OUTPUTS),
    )


MLP_OF_ROWS = partial(MLP, N_FEATURES, N_OUTPUTS, hidden_layer_sizes=(5,))
# As the estimators make them.
OPTIMIZERS = {
    "sgd": partial(SGD, lr=0.1, fused=True),
    "momentum": partial(SGD, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1, fused=True),
    "adam": partial(Adam, lr=0.01, fused=True),
    "adamw": partial(AdamW, lr=0.01, weight_decay=0.1, fused=True),
}
AUTOGRAD = {
    f"autograd_{name}": of_objective(AutogradStep, MLP_OF_ROWS, optimizer)
    for name, optimizer in OPTIMIZERS.items()
} | {
    "autograd_squared": of_objective(AutogradStep, MLP_OF_ROWS, OPTIMIZERS["sgd"], SquaredError),
    "autograd_batch_norm": of_objective(
        AutogradStep, partial(MLP_OF_ROWS, batch_norm=True), OPTIMIZERS["momentum"]
    ),
    "autograd_cnn": of_objective(
        AutogradStep, partial(CNN, (1, 4, 4), N_OUTPUTS), OPTIMIZERS["adamw"]
    ),
}
DENSE = {
    f"dense_{name}": of_objective(DenseStep, MLP_OF_ROWS, optimizer)
    for name, optimizer in OPTIMIZERS.items()
} | {
    f"dense_squared_{name}": of_objective(
        DenseStep,
        partial(MLP_OF_ROWS, activation="scaled_tanh", output_activation="sigmoid"),
        OPTIMIZERS[name],
        SquaredError,
    )
    for name in ("sgd", "adam")
}
NORMED = partial(MLP_OF_ROWS, hidden_layer_sizes=(8, 5), activation="silu", batch_norm=True)
CHAIN = {
    f"chain_{name}": of_objective(ChainStep, NORMED, optimizer)
    for name, optimizer in OPTIMIZERS.items()
} | {
    "chain_squared": of_objective(
        ChainStep, partial(NORMED, output_activation="sigmoid"), OPTIMIZERS["sgd"], SquaredError
    ),
    "chain_sequential": of_objective(ChainStep, sequential, OPTIMIZERS["adamw"]),
}
MACHINES = {
    "rbm": of_machine(),
    "rbm_gaussian": of_machine("gaussian", n_steps=2),
    "rbm_persistent": of_machine(persistent=True),
}
KINDS = AUTOGRAD | DENSE | CHAIN | MACHINES


def make(kind, *, dtype=torch.float32, device="cpu", generator=None):
    """Return a step of this kind, with the same initial weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = KINDS[kind](Generator().manual_seed(1) if generator is None else generator)
    made.module.to(device, dtype)
    for group in made.optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return made._replace(step=made.new_step())


def rows(kind, n, *, dtype=torch.float32, batch_size=BATCH_SIZE, **params):
    """Return rows for a step of this kind, with weights, their errors to be filled."""
    torch.manual_seed(2)
    x, weight = torch.rand(n, N_FEATURES, dtype=dtype), 2 * torch.rand(n, dtype=dtype)
    y = torch.arange(n) % N_OUTPUTS
    if "squared" in kind:
        y = torch.rand(n, N_OUTPUTS, dtype=dtype)
    error, output_error = torch.full((2, n), torch.nan, dtype=dtype)
    return Batches(x, y, error, batch_size, weight, output_error, **params)
