"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

from sk_sdlr.steps._matmul import USES_ONEDNN
from sk_sdlr.steps._processor import this_processor

PACKAGES = ("sk_sdlr", "torch", "scikit-learn", "skorch", "numpy")


INSTRUCTIONS = ("avx2", "avx512_f", "avx512_bf16", "amx_bf16", "bf16")


def environment() -> dict[str, Any]:
    """Return the processor, the library of its products, torch's threads and all versions."""
    processor = this_processor()
    return {
        "machine": platform.machine(),
        "processor": processor.name or platform.processor(),
        "processor_maker": processor.maker,
        "processor_family": processor.family,
        "instructions": instructions(),
        "products": "onednn" if USES_ONEDNN else "mkl",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def instructions() -> dict[str, bool]:
    """Return which instructions that matter to products the processor has, as torch tells."""
    has: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return {name: bool(has[name]) for name in INSTRUCTIONS if name in has}
