"""What a fit computes in, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.modules.conv import _ConvNd

from ..nets import ActiveSetNet

# Features and predictions are of numpy's type, weights and errors of torch's.
DTYPES: dict[str, tuple[Any, torch.dtype]] = {
    "float32": (np.float32, torch.float32),
    "float64": (np.float64, torch.float64),
    "bfloat16": (np.float32, torch.float32),
    "auto": (np.float32, torch.float32),
}
# As torch.cpu.get_capabilities calls the instructions, on x86 and on ARM.
BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def with_precision(net: ActiveSetNet, dtype: str) -> ActiveSetNet:
    """Let a net whose module is made compute its products as `dtype` says; return it.

    Parameters
    ----------
    net : ActiveSetNet
        An initialised net.
    dtype : {"float32", "float64", "bfloat16", "auto"}
        The name.

    Returns
    -------
    net : ActiveSetNet
        The net.
    """
    convolutions = any(isinstance(part, _ConvNd) for part in net.module_.modules())
    settings = precision(dtype, str(net.device), convolutions=convolutions)
    return net.set_params(**settings)  # type: ignore[no-any-return]  # skorch has no types


def precision(dtype: str, device: str, *, convolutions: bool) -> dict[str, Any]:
    """Return what a module's products are computed in while it trains, as settings of a run.

    On a CPU linear layers go by torch's switch for float32 products, which asks for no casts; it is
    left alone by itself where it does not gain. Convolutions, and GPUs, go by autocast.

    Parameters
    ----------
    dtype : {"float32", "float64", "bfloat16", "auto"}
        The name.
    device : str
        A device that is there.
    convolutions : bool
        Whether the module has any.

    Returns
    -------
    settings : dict
        `autocast` and `fp32_precision` of :class:`~sk_sdlr.runs.TrainingSettings`.
    """
    if device.startswith("cpu") and not convolutions:
        is_asked_for = dtype in ("bfloat16", "auto")
        return {"autocast": None, "fp32_precision": "bf16" if is_asked_for else None}
    return {"autocast": autocast_type(dtype, device), "fp32_precision": None}


def autocast_type(dtype: str, device: str) -> torch.dtype | None:
    """Return what autocast computes products in; None: it is off.

    Parameters
    ----------
    dtype : {"float32", "float64", "bfloat16", "auto"}
        The name; "bfloat16" and "auto" are "float32" on hardware that has no bfloat16.
    device : str
        A device that is there.

    Returns
    -------
    dtype : torch.dtype or None
        The type.
    """
    is_asked_for = dtype in ("bfloat16", "auto")
    return torch.bfloat16 if is_asked_for and has_bfloat16(device) else None


def has_bfloat16(device: str) -> bool:
    """Return whether the device multiplies bfloat16 numbers by instructions of its own."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if not device.startswith("cpu"):
        return False
    # Older ones of torch cannot tell.
    has: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(has.get(name, False) for name in BFLOAT16_INSTRUCTIONS)
