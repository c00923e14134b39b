"""Devices by name."""

from __future__ import annotations

import torch


def resolve_device(device: str | torch.device, dtype: str = "float32") -> str:
    """Return the name of a device that is there.

    Parameters
    ----------
    device : str or torch.device
        A name that torch knows, or "auto": CUDA, else MPS, else the CPU.
    dtype : {"float32", "float64", "bfloat16", "auto"}, default="float32"
        What the device has to compute in; MPS has no float64.

    Returns
    -------
    device : str
        Its name.

    Raises
    ------
    ValueError
        If torch does not know the device, or this machine does not have it for the type.
    """
    there = [name for name in _available() if (name, dtype) != ("mps", "float64")]
    if str(device) == "auto":
        return there[0]
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            "The 'device' parameter must be 'auto' or the name of a torch device. "
            f"Got {device!r} instead."
        ) from error
    if wanted.type not in there or (
        wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count()
    ):
        raise ValueError(
            f"The 'device' parameter must be one of {', '.join(there)} on this machine with "
            f"dtype={dtype!r}. Got {str(wanted)!r} instead."
        )
    return str(wanted)


def _available() -> list[str]:
    devices = ["cpu"]
    if torch.backends.mps.is_available():
        devices.insert(0, "mps")
    if torch.cuda.is_available():
        devices.insert(0, "cuda")
    return devices
