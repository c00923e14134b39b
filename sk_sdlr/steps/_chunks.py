"""How many bytes are moved at a time."""

from __future__ import annotations

import torch

# Rows are gathered so many bytes at a time: few calls, yet what was gathered is still in the
# cache when it is trained on, and an epoch needs no second copy of the data.
CHUNK_BYTES = 2**18
# On an accelerator a call costs more than what it moves.
ACCELERATOR_CHUNK_BYTES = 2**26


def chunk_bytes(device: torch.device) -> int:
    """Return how many bytes are best gathered at a time."""
    return CHUNK_BYTES if device.type == "cpu" else ACCELERATOR_CHUNK_BYTES
