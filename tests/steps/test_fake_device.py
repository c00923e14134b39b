"""Steps stay on an accelerator and ask it for no value: else the host would wait for it."""

from functools import partial

import pytest
import torch
from torch import Generator
from torch._subclasses.fake_tensor import DataDependentOutputException

from sk_sdlr.modules import CNN, MLP
from sk_sdlr.steps import Objective, _contrastive_divergence
from sk_sdlr.steps._autograd import AutogradStep
from sk_sdlr.steps._dense_workspace import Workspace
from tests.fake_device import DEVICE, LeavesDevice, fused_optimizers, run_on_fake_device
from tests.steps.kinds import (
    BATCH_SIZE,
    KINDS,
    N_FEATURES,
    N_OUTPUTS,
    OPTIMIZERS,
    of_objective,
    rows,
)

RANDOM = {"dropout": 0.5, "batch_norm": True}
EVERY = KINDS | {
    name: of_objective(AutogradStep, partial(net, shape, N_OUTPUTS, **RANDOM), OPTIMIZERS["adam"])
    for name, net, shape in [("mlp_random", MLP, N_FEATURES), ("cnn_random", CNN, (1, 4, 4))]
}
N_ROWS = 2 * BATCH_SIZE + 1
FACTORS = [1.0, 0.5, 0.2]


@pytest.fixture(autouse=True)
def any_generator(monkeypatch):
    """Let the host's generator stand for one on the device, of which there is none."""
    monkeypatch.setattr(
        _contrastive_divergence, "_generator_on", lambda device, generator: generator
    )


def learn_on_fake_device(kind, *, weighted=True, asked=True):
    """Learn batches twice; return output, errors and parameters."""

    def make_all():
        batches = rows(kind, N_ROWS, lr_factors=FACTORS)
        batches.weight = batches.weight if weighted else None
        batches.output_error = batches.output_error if asked else None
        return EVERY[kind](Generator()), batches

    def use(made):
        (module, optimizer, new_step, _), batches = made
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
        step = new_step()
        step(batches)
        output = step(batches)
        step.close()
        return [output, batches.error, *module.state_dict().values()]

    with fused_optimizers():
        return run_on_fake_device(make_all, use)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("kind", EVERY)
def test_batches_are_learnt_on_the_device(kind, asked, weighted):
    tensors = learn_on_fake_device(kind, weighted=weighted, asked=asked)
    assert {tensor.device for tensor in tensors} == {DEVICE}


# That the test can fail

QUESTIONS = [
    (lambda error: error * error.mean().item(), DataDependentOutputException),
    (lambda error: error if error.isfinite().all() else -error, DataDependentOutputException),
    (lambda error: error * torch.ones(()), LeavesDevice),
    (lambda error: error.cpu(), LeavesDevice),
]
PLACES = [("autograd_sgd", Objective, "loss"), ("rbm", Objective, "loss")]
PLACES += [("dense_sgd", Workspace, "errors")]


@pytest.mark.parametrize(("does", "error"), QUESTIONS)
@pytest.mark.parametrize(("kind", "cls", "name"), PLACES)
def test_a_step_that_asks_or_leaves_is_noticed(kind, cls, name, does, error, monkeypatch):
    method = getattr(cls, name)
    monkeypatch.setattr(cls, name, lambda *args: does(method(*args)))
    with pytest.raises(error):
        learn_on_fake_device(kind)
