"""Small runs, made by hand: 50 rows of two classes that overlap."""

from dataclasses import dataclass, field, replace

import torch
from torch import nn
from torch.optim import SGD

from sk_sdlr.modules import MLP
from sk_sdlr.policies import ActiveSet, FullData, Policy, ShrinkRecall
from sk_sdlr.runs import Run, TrainingData, TrainingSettings
from sk_sdlr.runs._seeding import seeded
from sk_sdlr.steps import Objective

N, N_FEATURES, N_CLASSES = 50, 3, 2
STEPS = ["dense", "autograd"]


def make_rows(n_samples=N):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(n_samples, N_FEATURES, generator=generator)
    return X, (X[:, 0] + torch.randn(n_samples, generator=generator) > 0).long()


X, Y = make_rows()


def exact(t=0.2):
    """Return the rule whose sizes are those of Algorithm 3."""
    return ShrinkRecall(t=t, alpha=None)


def make_mlp(**params):
    with seeded(0):
        return MLP(N_FEATURES, N_CLASSES, **{"hidden_layer_sizes": (4,)} | params)


def make_run(
    module=None,
    *,
    data=(X, Y),
    weight=None,
    criterion=None,
    optimizer=SGD,
    lr=0.1,
    seed=0,
    run=Run,
    policy=None,
    validation=None,
    given_step=None,
    listener=None,
    optimizer_params=(),
    bounded_outputs=None,
    **settings,
):
    """Return a run of 4 epochs in batches of 8 rows."""
    module = make_mlp() if module is None else module
    if isinstance(optimizer, type):
        optimizer = optimizer(module.parameters(), lr=lr, **dict(optimizer_params))
    return run(
        module,
        Objective(criterion or nn.CrossEntropyLoss(), bounded_outputs=bounded_outputs),
        optimizer,
        TrainingData(*data, weight),
        TrainingSettings(**{"max_epochs": 4, "batch_size": 8} | settings),
        policy=policy,
        generator=torch.Generator().manual_seed(seed),
        validation=None if validation is None else TrainingData(*validation),
        step=given_step,
        listener=listener,
    )


def trained(*args, **params):
    """Return a run that was trained, and its records."""
    run = make_run(*args, **params)
    return run, list(run)


def column(records, name):
    return [record[name] for record in records]


def weights(run):
    return {name: tensor.clone() for name, tensor in run.module.state_dict().items()}


def assert_same_bits(*runs):
    first, *others = map(weights, runs)
    for other in others:
        torch.testing.assert_close(first, other, rtol=0, atol=0, equal_nan=True)


@dataclass
class Spy(Policy):
    """Does what another policy does, and keeps what it was told."""

    policy: Policy = field(default_factory=FullData)
    told: list = field(default_factory=list)

    @property
    def needs(self):
        return self.policy.needs

    def start(self, n_samples):
        return self.policy.start(n_samples)

    def update(self, active, report, *, generator):
        # The table is the run's own and goes on changing.
        self.told.append((active, replace(report, last_error=report.last_error.clone())))
        return self.policy.update(active, report, generator=generator)


@dataclass
class Fixed(Policy):
    """Always the same rows, with or without weights."""

    index: torch.Tensor
    weight: torch.Tensor | None = None

    def start(self, n_samples):
        return ActiveSet(self.index, self.weight)

    def update(self, active, report, *, generator):
        return active


@dataclass
class NeedsOutputs(FullData):
    """Asks for the errors of the outputs, or does not; all rows."""

    asks: bool = True

    @property
    def needs(self):
        return frozenset({"output_error"} if self.asks else ())
