"""Products of float32 matrices by the faster of the libraries that torch comes with.

Which one that is, the processor decides (:mod:`._processor`), or the environment variable
SK_SDLR_MATMUL: "mkl" is torch's own product, "onednn" the operator that torch.compile emits for
linear layers. Both have the same precision.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn

from ._processor import choose_library, this_processor

_LINEAR: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
_CAPABILITY = torch.backends.cpu.get_cpu_capability()
_CHOICE = choose_library(
    this_processor().maker,
    this_processor().family,
    _CAPABILITY,
    os.environ.get("SK_SDLR_MATMUL", "auto"),
)
HAS_ONEDNN = (
    _LINEAR is not None
    and torch.backends.mkldnn.is_available()
    and _CAPABILITY.startswith("AVX512")
)
USES_ONEDNN = HAS_ONEDNN and _CHOICE == "onednn"
# Multiply-adds under which its longer call costs more than it brings.
ONEDNN_FROM = 2_000_000


def mm(a: Tensor, b: Tensor, out: Tensor) -> None:
    """Write the product a b, of shape (m, n).

    Parameters
    ----------
    a : Tensor of shape (m, k)
        Any strides.
    b : Tensor of shape (k, n)
        Any strides.
    out : Tensor of shape (m, n)
        Filled.
    """
    if USES_ONEDNN and _suits_onednn(a, b):
        out.copy_(_LINEAR(a, b.t(), None, "none", [], ""))
    else:
        torch.mm(a, b, out=out)


def addmm_(out: Tensor, a: Tensor, b: Tensor, *, beta: float, alpha: float) -> None:
    """Write beta out + alpha a b into `out`, of shape (m, n); see :func:`mm`.

    With a beta of 0 what was in `out` does not count, be it NaN.
    """
    if not (USES_ONEDNN and _suits_onednn(a, b)):
        out.addmm_(a, b, beta=beta, alpha=alpha)
        return
    product = _LINEAR(a, b.t(), None, "none", [], "")
    if beta == 0:
        torch.mul(product, alpha, out=out)
    else:
        if beta != 1:
            out.mul_(beta)
        out.add_(product, alpha=alpha)


def affine(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    activation: str = "none",
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Return x W' + b, or the sigmoid of it, outside autograd.

    Parameters
    ----------
    x : Tensor of shape (m, k)
        Any strides.
    weight : Tensor of shape (n, k)
        Any strides.
    bias : Tensor of shape (n,) or None, default=None
        Added to each row.
    activation : {"none", "sigmoid"}, default="none"
        What is made of the sum.
    dtype : torch.dtype or None, default=None
        What the product is computed in, if not in the type of `x`.

    Returns
    -------
    out : Tensor of shape (m, n)
        Of the type of `x`.
    """
    if dtype is not None:
        bias = None if bias is None else bias.to(dtype)
        product = nn.functional.linear(x.to(dtype), weight.to(dtype), bias).to(x.dtype)
    elif USES_ONEDNN and _suits_onednn(x, weight.t()):
        return _LINEAR(x, weight, bias, activation, [], "")
    else:
        product = nn.functional.linear(x, weight, bias)
    return product.sigmoid_() if activation == "sigmoid" else product


def _suits_onednn(a: Tensor, b: Tensor) -> bool:
    return (
        a.numel() * b.shape[1] >= ONEDNN_FROM
        and a.dtype == torch.float32
        and a.device.type == "cpu"
    )


def affine_into(
    out: Tensor, x: Tensor, weight_t: Tensor, bias: Tensor | None, alpha: float
) -> Tensor:
    """Return alpha x W' + b, written to `out` if that is the faster way.

    Parameters
    ----------
    out : Tensor of shape (m, n)
        May be filled.
    x : Tensor of shape (m, k)
        Any strides.
    weight_t : Tensor of shape (k, n)
        W'.
    bias : Tensor of shape (n,) or None
        Added to each row.
    alpha : float
        Multiplies the product.

    Returns
    -------
    result : Tensor of shape (m, n)
        The sum.
    """
    if USES_ONEDNN and _suits_onednn(x, weight_t):
        if alpha == 1:
            return _LINEAR(x, weight_t.t(), bias, "none", [], "")
        product = _LINEAR(x, weight_t.t(), None, "none", [], "")
        if bias is None:
            return product.mul_(alpha)
        return torch.add(bias, product, alpha=alpha, out=product)
    if bias is None:
        return out.addmm_(x, weight_t, beta=0, alpha=alpha)
    return torch.addmm(bias, x, weight_t, alpha=alpha, out=out)
