"""Float32 products computed in bfloat16 by torch's own switch: float32 in, float32 out, no casts.

The switch is the process's, not the thread's. So that a fit has the same bits whatever other
threads fit, a step that throws it has the products for itself: other steps and validations of this
package wait, at most for the batches that were gathered together. Torch code of anybody else's that
multiplies meanwhile, in another thread, is rounded too.

Small products lose by it, so that whoever throws it asks :func:`pays` first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Condition, get_ident
from typing import Any

import torch
from torch import Tensor, nn

_MKLDNN: Any = torch.backends.mkldnn
# As torch.cpu.get_capabilities calls the instructions by which the switch gains, on x86 and on ARM.
# That of AVX-512 is none: torch's product is as fast in float32.
INSTRUCTIONS = ("amx_bf16", "bf16", "sve_bf16")
# From this many multiply-adds, with sides of at least so much, a product gains.
PAYS_FROM, PAYS_FROM_SIDE = 4_000_000, 64


def has_switch() -> bool:
    """Return whether torch has the switch, and the processor instructions by which it gains."""
    if not hasattr(getattr(_MKLDNN, "matmul", None), "fp32_precision"):
        return False  # torch before 2.9
    has: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(_MKLDNN.is_available()) and any(has.get(name, False) for name in INSTRUCTIONS)


HAS_SWITCH = has_switch()


class Bfloat16Products:
    """A context in which float32 products on the CPU are computed in bfloat16."""

    def __enter__(self) -> None:
        self.before = _MKLDNN.matmul.fp32_precision
        _MKLDNN.matmul.fp32_precision = "bf16"

    def __exit__(self, *error: object) -> None:
        # What is read may be inherited from the setting for all products, and is again then.
        is_inherited = self.before == _MKLDNN.fp32_precision
        _MKLDNN.matmul.fp32_precision = "none" if is_inherited else self.before


def pays(n_rows: int, weight: Tensor) -> bool:
    """Return whether the products of a layer gain by the switch.

    Parameters
    ----------
    n_rows : int
        Rows of a batch.
    weight : Tensor of shape (..., n_outputs, n_inputs)
        Of the layer.

    Returns
    -------
    pays : bool
        Whether they do.
    """
    return (
        weight.dtype == torch.float32
        and weight.device.type == "cpu"
        and weight.dim() >= 2
        and min(n_rows, *weight.shape[-2:]) >= PAYS_FROM_SIDE
        and n_rows * weight.numel() >= PAYS_FROM
    )


def most_pay(n_rows: int, module: nn.Module) -> bool:
    """Return whether layers that gain make most of a module's multiply-adds."""
    weights = [p for p in module.parameters() if p.dim() >= 2]
    gaining = sum(p.numel() for p in weights if pays(n_rows, p))
    return 2 * gaining > sum(p.numel() for p in weights)


class Gate:
    """Lets many threads in together, or one alone; who is inside may enter again."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._inside: Counter[int] = Counter()  # times that each thread has entered
        self._alone: int | None = None
        self._n_waiting = 0

    @property
    def is_alone(self) -> bool:
        """Whether the calling thread is the one that is inside alone."""
        return self._alone == get_ident()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Be inside, with others."""
        me = get_ident()
        with self._changed:
            # Who waits to be alone goes first, else it might never be.
            self._changed.wait_for(lambda: self._inside[me] or not self._is_kept_free())
            self._inside[me] += 1
        try:
            yield
        finally:
            self._leave(me)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be inside with no other thread."""
        me = get_ident()
        with self._changed:
            self._n_waiting += 1
            try:
                self._changed.wait_for(lambda: self._inside.keys() <= {me})
            finally:
                self._n_waiting -= 1
                self._changed.notify_all()
            self._inside[me] += 1
            outer, self._alone = self._alone, me
        try:
            yield
        finally:
            self._alone = outer
            self._leave(me)

    def _is_kept_free(self) -> bool:
        return self._alone is not None or self._n_waiting > 0

    def _leave(self, me: int) -> None:
        with self._changed:
            self._inside[me] -= 1
            if not self._inside[me]:
                del self._inside[me]
            self._changed.notify_all()


GATE = Gate()


def exact_products() -> AbstractContextManager[None]:
    """Return a context in which no step of another thread has the switch thrown."""
    return GATE.shared() if HAS_SWITCH else nullcontext()


def products_of_layer(n_rows: int, weight: Tensor) -> Bfloat16Products | None:
    """Return the context of a layer's products, in a step that lets each layer choose.

    Parameters
    ----------
    n_rows : int
        Rows of a batch.
    weight : Tensor of shape (n_outputs, n_inputs)
        Of the layer.

    Returns
    -------
    context : Bfloat16Products or None
        None: the layer computes in float32.
    """
    return Bfloat16Products() if GATE.is_alone and pays(n_rows, weight) else None
