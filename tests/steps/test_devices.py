"""Steps stay on an accelerator and ask it for no value: else the host would wait for it."""

from contextlib import contextmanager, nullcontext
from dataclasses import fields, replace
from functools import partial
from unittest.mock import patch

import pytest
import torch
from torch import Generator, Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException

from sk_sdlr.modules import CNN, MLP
from sk_sdlr.steps import Objective, _contrastive_divergence
from sk_sdlr.steps._autograd import AutogradStep
from sk_sdlr.steps._dense_workspace import Workspace
from sk_sdlr.steps._step import Batches
from tests.fake_device import DEVICE, LeavesDevice, fused_optimizers, run_on_fake_device
from tests.steps.kinds import (
    BATCH_SIZE,
    CHAIN,
    KINDS,
    MACHINES,
    N_FEATURES,
    N_OUTPUTS,
    OPTIMIZERS,
    make,
    of_objective,
    rows,
)

RANDOM = {"dropout": 0.5, "batch_norm": True}
ON_DEVICES = {kind: made for kind, made in KINDS.items() if kind not in CHAIN}  # CPU only as yet
EVERY = ON_DEVICES | {
    name: of_objective(AutogradStep, partial(net, shape, N_OUTPUTS, **RANDOM), OPTIMIZERS["adam"])
    for name, net, shape in [("mlp_random", MLP, N_FEATURES), ("cnn_random", CNN, (1, 4, 4))]
}
N_ROWS = 2 * BATCH_SIZE + 1
FACTORS = [1.0, 0.5, 0.2]


def learn_on_fake_device(kind, *, full=True):
    """Learn batches twice, with all that there can be in them; return what comes out."""

    def make_all():
        batches = rows(kind, N_ROWS, lr_factors=FACTORS)
        if not full:
            batches = replace(batches, weight=None, output_error=None, lr_factors=None)
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

    # There is no generator on the device: the host's stands for it.
    host = patch.object(
        _contrastive_divergence, "_generator_on", lambda device, generator: generator
    )
    with fused_optimizers(), host:
        return run_on_fake_device(make_all, use)


@pytest.mark.parametrize("full", [True, False], ids=["weights_and_output_errors", ""])
@pytest.mark.parametrize("kind", EVERY)
def test_batches_are_learnt_on_the_device(kind, full):
    tensors = learn_on_fake_device(kind, full=full)
    assert {tensor.device for tensor in tensors} == {DEVICE}


@contextmanager
def no_waiting():
    """Let torch raise an error where the host waits for the GPU."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", ON_DEVICES)
def test_a_gpu_is_never_waited_for_and_learns_the_same(kind):
    steps = {device: make(kind, device=device).step for device in ("cpu", "cuda")}
    batches = {device: moved(rows(kind, N_ROWS, lr_factors=FACTORS), device) for device in steps}
    for device, step in steps.items():
        step(batches[device])
        with no_waiting() if device == "cuda" else nullcontext():
            step(batches[device])
    errors = batches["cuda"].error.cpu()
    if kind in MACHINES:  # which draw other numbers there
        assert errors.isfinite().all()
    else:
        torch.testing.assert_close(errors, batches["cpu"].error, rtol=1e-2, atol=1e-3)


def moved(batches, device):
    """Return the batches with all tensors on a device."""
    values = {field.name: getattr(batches, field.name) for field in fields(batches)}
    return Batches(
        **{
            name: value.to(device) if isinstance(value, Tensor) else value
            for name, value in values.items()
        }
    )


# That the tests can fail

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
