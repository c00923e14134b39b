"""Tests without instructions for bfloat16: the switch is thrown all the same, for any product."""

import pytest
import torch

from sk_sdlr.steps import _bfloat16

needs_torch_with_switch = pytest.mark.skipif(
    not hasattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision"),
    reason="needs torch 2.9",
)


def precision():
    """Return what float32 products on the CPU are computed in."""
    return torch.backends.mkldnn.matmul.fp32_precision


def turn_on(monkeypatch, *, pays_from=0):
    """Let every processor have the switch, and products pay from any size."""
    monkeypatch.setattr(_bfloat16, "HAS_SWITCH", True)
    monkeypatch.setattr(_bfloat16, "PAYS_FROM", pays_from)
    monkeypatch.setattr(_bfloat16, "PAYS_FROM_SIDE", 1)


def note_products(monkeypatch, module, name, shape=lambda out: tuple(out.shape)):
    """Return a list that gets the shape and the precision of each call of a product."""
    seen, product = [], getattr(module, name)

    def noted(*args, **params):
        seen.append((shape(args[0]), precision()))
        return product(*args, **params)

    monkeypatch.setattr(module, name, noted)
    return seen
