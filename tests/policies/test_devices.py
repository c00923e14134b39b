"""No policy mixes devices: on an accelerator it does what it does on the CPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Generator, Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from sk_sdlr.policies import POLICIES, AutoRecall, RandomSubset, ShrinkRecall

EVERY = [cls() for cls in POLICIES.values()]
EVERY += [AutoRecall(alpha=None), ShrinkRecall(alpha=None), RandomSubset(AutoRecall())]
every_policy = pytest.mark.parametrize("policy", EVERY, ids=str)
DEVICE = torch.device("meta")  # any that is not the CPU and needs no driver
aten = torch.ops.aten
# What may take tensors of two devices, beside numbers from the CPU.
COPIES = {aten._to_copy.default, aten.copy_.default}


class Elsewhere(Tensor):
    """A tensor that says it is on DEVICE; operations work on its `value`, which is on the CPU."""

    @staticmethod
    def __new__(cls, value: Tensor) -> Elsewhere:
        new = Tensor._make_wrapper_subclass(cls, value.shape, dtype=value.dtype, device=DEVICE)
        new.value = value
        return new

    def tolist(self):
        return self.value.tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        with OneDevice():
            return func(*args, **(kwargs or {}))


class OneDevice(TorchDispatchMode):
    """Runs operations on DEVICE; raises RuntimeError where tensors of two devices meet."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        there = [leaf for leaf in leaves if isinstance(leaf, Elsewhere)]
        here = [leaf for leaf in leaves if not isinstance(leaf, Elsewhere) and leaf.ndim]
        if there and here and func not in COPIES:
            raise RuntimeError(f"{func} meets tensors of two devices")
        stays = bool(there)
        if kwargs.get("device") is not None:
            stays = torch.device(kwargs.pop("device")).type == DEVICE.type
            if stays and func is not aten._to_copy.default:
                kwargs["device"] = torch.device("cpu")
        result = func(*tree_map(value_of, args), **tree_map(value_of, kwargs))
        if not stays:
            return result
        for tensor in there:
            if tensor.value is result:  # changed in place
                return tensor
        return tree_map(elsewhere, result)


def value_of(x):
    return x.value if isinstance(x, Elsewhere) else x


def elsewhere(x):
    return Elsewhere(x) if isinstance(x, Tensor) else x


def epochs(policy, visit, **params):
    """Active sets and reports of a run on the CPU, and what the policy answers."""
    generator, active = Generator().manual_seed(0), policy.start(200)
    for epoch in range(1, 13):
        error = torch.rand(200, generator=generator).pow(8) * 0.9**epoch
        report = visit(active, error, batch_size=1, seed=epoch, epoch=epoch, **params)
        answer = policy.update(active, report, generator=Generator().manual_seed(epoch))
        yield active, report, answer
        active = answer


def test_what_stands_for_an_accelerator_notices_two_devices():
    with OneDevice():
        there = torch.arange(3.0).to(DEVICE)
        assert (there + 1).device == torch.arange(3, device=DEVICE).device == DEVICE
        assert (float(there.sum()), there.to("cpu").tolist()) == (3.0, [0.0, 1.0, 2.0])
        with pytest.raises(RuntimeError, match="two devices"):
            there + torch.arange(3.0)
        with pytest.raises(RuntimeError, match="two devices"):
            there[torch.arange(2)]


@every_policy
@pytest.mark.parametrize("weight", [None, torch.linspace(0.5, 2, 200)], ids=["", "weighted"])
@pytest.mark.parametrize("bounded", [True, False], ids=["bounded", "unbounded"])
def test_it_mixes_no_devices_and_answers_the_same(policy, weight, bounded, visit):
    run = epochs(policy, visit, weight=weight, bounded_outputs=bounded)
    for active, report, answer in run:
        there = replace(
            report,
            index=elsewhere(report.index),
            error=elsewhere(report.error),
            last_error=elsewhere(report.last_error),
            sample_weight=elsewhere(report.sample_weight),
            signals={name: elsewhere(signal) for name, signal in report.signals.items()},
        )
        generator = Generator().manual_seed(report.epoch)
        with OneDevice():
            found = policy.update(active.to(DEVICE), there, generator=generator).to(DEVICE)
        for name, value in answer.state_dict().items():
            of_found = value_of(getattr(found, name))
            assert torch.equal(of_found, value) if isinstance(value, Tensor) else of_found == value


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every_policy
def test_on_a_gpu_it_answers_the_same(policy, visit):
    for active, report, answer in epochs(policy, visit):
        there = replace(
            report,
            index=report.index.cuda(),
            error=report.error.cuda(),
            last_error=report.last_error.cuda(),
            signals={name: signal.cuda() for name, signal in report.signals.items()},
        )
        generator = Generator().manual_seed(report.epoch)
        found = policy.update(active.to("cuda"), there, generator=generator).to("cuda")
        assert found.index.tolist() == answer.index.tolist()
        assert found.threshold == pytest.approx(answer.threshold)
