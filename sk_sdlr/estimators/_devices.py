"""Devices by name."""

from __future__ import annotations

import torch


def resolve_device(device: str | torch.device) -> str:
    """Return the name of a device that is there.

    Parameters
    ----------
    device : str or torch.device
        A name that torch knows, or "auto": CUDA, else MPS, else the CPU.

    Returns
    -------
    device : str
        Its name.

    Raises
    ------
    ValueError
        If torch does not know the device, or this machine does not have it.
    """
    if str(device) == "auto":
        return _available()[0]
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device must be 'auto' or the name of a torch device, however: device={device!r}."
        ) from error
    there = wanted.type in _available() and (
        wanted.type != "cuda" or (wanted.index or 0) < torch.cuda.device_count()
    )
    if not there:
        raise ValueError(
            f"device={str(wanted)!r} is not there; this machine has {', '.join(_available())}."
        )
    return str(wanted)


def _available() -> list[str]:
    devices = ["cpu"]
    if torch.backends.mps.is_available():
        devices.insert(0, "mps")
    if torch.cuda.is_available():
        devices.insert(0, "cuda")
    return devices
