"""Devices by name."""

from __future__ import annotations

import torch


def resolve_device(device: str | torch.device, precision: str = "float32") -> str:
    """Return the name of a device that is there.

    Parameters
    ----------
    device : str or torch.device
        A name that torch knows, or "auto": CUDA, else MPS, else the CPU.
    precision : {"float32", "float64"}, default="float32"
        What the device has to compute in; MPS has no float64.

    Returns
    -------
    device : str
        Its name.

    Raises
    ------
    ValueError
        If torch does not know the device, or this machine does not have it for the precision.
    """
    there = [name for name in _available() if (name, precision) != ("mps", "float64")]
    if str(device) == "auto":
        return there[0]
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device must be 'auto' or the name of a torch device, however: device={device!r}."
        ) from error
    if wanted.type not in there or (
        wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count()
    ):
        raise ValueError(
            f"device={str(wanted)!r} is not there for precision={precision!r}; "
            f"this machine has {', '.join(there)}."
        )
    return str(wanted)


def _available() -> list[str]:
    devices = ["cpu"]
    if torch.backends.mps.is_available():
        devices.insert(0, "mps")
    if torch.cuda.is_available():
        devices.insert(0, "cuda")
    return devices
