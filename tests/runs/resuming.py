"""Stopping a run, storing its state, and going on."""

from __future__ import annotations

import hashlib
import io

import torch
from torch import Tensor

from sk_sdlr.runs import Run


def stored(state):
    """Return a state after it was written and read."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def finish(run: Run, *records: dict) -> dict[str, str]:
    """Train to the end; return a digest of all that is left, after records that are there."""
    history = [*records, *run]
    return outcome(run, history)


def outcome(run: Run, history: list[dict]) -> dict[str, str]:
    """Return digests of weights, buffers, the optimiser's state, errors and records."""
    left = {f"module.{name}": tensor for name, tensor in run.module.state_dict().items()}
    for number, state in run.optimizer.state_dict()["state"].items():
        left |= {f"optimizer.{number}.{name}": value for name, value in state.items()}
    left["last_error"] = run.state.last_error
    left["history"] = [
        {name: value for name, value in record.items() if name != "duration"} for record in history
    ]
    return {name: digest(value) for name, value in left.items()}


def digest(value) -> str:
    data = bits(value) if isinstance(value, Tensor) else repr(value).encode()
    return hashlib.sha256(data).hexdigest()


def bits(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes()
