"""A device that is not there: its tensors have a shape and a type, but no values.

What would make the host wait for a GPU, or fail on one, raises: to ask for a value, as ``.item()``
and ``if (x > 0).any()`` do; to copy to the host; to mix devices; to make a tensor on the host.
"""

from contextlib import contextmanager
from unittest.mock import patch

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.library import _scoped_library
from torch.optim import optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Not "cuda": in a build of torch without CUDA, autograd on fake tensors of it ends the process.
DEVICE = torch.device("lazy", 0)


class LeavesDevice(RuntimeError):
    """An operation gave a tensor that is not on the device."""


class _StaysThere(TorchDispatchMode):
    def __init__(self, may_use_host):
        super().__init__()
        self.may_use_host = may_use_host

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        output = operation(*args, **kwargs)
        came_from_host = not any(map(_is_there, tree_leaves((args, kwargs))))
        if not (self.may_use_host and came_from_host):
            for tensor in filter(_is_elsewhere, tree_leaves(output)):
                raise LeavesDevice(f"{operation} gave a tensor on {tensor.device}.")
        return output


def run_on_fake_device(make, use, *, may_use_host=False):
    """Return ``use(make())``, of which `make` has the device as torch's default.

    Parameters
    ----------
    make : callable
        Makes whatever is to be used: modules, steps, inputs.
    use : callable
        Gets it, and must stay on the device.
    may_use_host : bool, default=False
        Whether `use` may make tensors on the host, and copy them to the device.
    """
    with FakeTensorMode():
        with torch.device(DEVICE):
            made = make()
        with _StaysThere(may_use_host):
            return use(made)


@contextmanager
def fused_optimizers():
    """Let torch's fused optimisers take the device for one that they know, as they know a GPU.

    Adam and AdamW do no better without: they count steps on the host then, wherever the parameters
    are.
    """
    known = [*optimizer._get_fused_kernels_supported_devices(), DEVICE.type]
    with (
        patch.object(optimizer, "_get_fused_kernels_supported_devices", lambda: known),
        _fake_fused_sgd(),
    ):
        yield


@contextmanager
def _fake_fused_sgd():
    """Say what torch does not say of SGD, as it does of Adam: its kernel makes no tensor."""
    if torch._C._dispatch_has_kernel_for_dispatch_key("aten::_fused_sgd_", "Meta"):
        yield
        return
    with _scoped_library("aten", "IMPL") as library:
        library.impl("_fused_sgd_", lambda *args, **kwargs: None, "Meta")
        yield


def _is_there(value):
    return isinstance(value, Tensor) and value.device == DEVICE


def _is_elsewhere(value):
    return isinstance(value, Tensor) and value.device.type not in (DEVICE.type, "meta")
