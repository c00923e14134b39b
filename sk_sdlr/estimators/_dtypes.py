"""What a fit computes in, by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

# Features and predictions are of numpy's type, weights and errors of torch's.
DTYPES: dict[str, tuple[Any, torch.dtype]] = {
    "float32": (np.float32, torch.float32),
    "float64": (np.float64, torch.float64),
    "bfloat16": (np.float32, torch.float32),
    "auto": (np.float32, torch.float32),
}
# As torch.cpu.get_capabilities calls the instructions, on x86 and on ARM.
BFLOAT16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def autocast_type(dtype: str, device: str) -> torch.dtype | None:
    """Return what a module's products are computed in while it trains, if not in its own type.

    Parameters
    ----------
    dtype : {"float32", "float64", "bfloat16", "auto"}
        The name; "auto" is "bfloat16" on hardware that has it, else "float32".
    device : str
        A device that is there.

    Returns
    -------
    dtype : torch.dtype or None
        The type; None: the module's own.

    Raises
    ------
    ValueError
        If it is "bfloat16" and the device has no instructions for it.
    """
    if dtype not in ("bfloat16", "auto"):
        return None
    if has_bfloat16(device):
        return torch.bfloat16
    if dtype == "bfloat16":
        raise ValueError(
            f"dtype='bfloat16' needs hardware that has it. Got device={device!r}, which has not; "
            "dtype='auto' takes it where it is there, and 'float32' elsewhere."
        )
    return None


def has_bfloat16(device: str) -> bool:
    """Return whether the device multiplies bfloat16 numbers by instructions of its own."""
    if device.startswith("cuda"):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if not device.startswith("cpu"):
        return False
    # Older ones of torch cannot tell.
    has: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(has.get(name, False) for name in BFLOAT16_INSTRUCTIONS)
