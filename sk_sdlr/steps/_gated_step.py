"""A step that has the switch for products in bfloat16 for itself, or waits while another has."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from . import _bfloat16
from ._bfloat16 import GATE, Bfloat16Products, most_pay
from ._step import Batches, Step
from .chain._chain import ChainStep


class GatedStep:
    """A step whose products other threads do not change, nor it theirs; see :mod:`._bfloat16`.

    Parameters
    ----------
    step : Step
        What learns.
    module : nn.Module
        The net.
    in_bfloat16 : bool
        Whether products are computed in bfloat16 where that pays: layer by layer in a chain, else
        all of the step or none.
    """

    def __init__(self, step: Step, module: nn.Module, *, in_bfloat16: bool) -> None:
        self.step = step
        self.module = module
        self.in_bfloat16 = in_bfloat16

    def __call__(self, batches: Batches) -> Tensor:
        """Learn each batch; see :class:`Step`."""
        if not self.in_bfloat16:
            with GATE.shared():
                return self.step(batches)
        with GATE.alone():
            if isinstance(self.step, ChainStep) or not most_pay(batches.batch_size, self.module):
                return self.step(batches)
            with Bfloat16Products():
                return self.step(batches)

    def close(self) -> None:
        """Close the step that learns."""
        self.step.close()

    def state_dict(self) -> dict[str, Any]:
        """Return what the step that learns remembers."""
        return self.step.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let it go on from there."""
        self.step.load_state_dict(state)


def gated(step: Step, module: nn.Module, fp32_precision: str | None) -> Step:
    """Return the step as it is to be called while other threads train.

    Parameters
    ----------
    step : Step
        What learns.
    module : nn.Module
        The net.
    fp32_precision : {"bf16"} or None
        What its products are to be computed in.

    Returns
    -------
    step : Step
        The step itself where there is no switch that gains, or the net is not on the CPU.
    """
    if not _bfloat16.HAS_SWITCH or next(module.parameters()).device.type != "cpu":
        return step
    return GatedStep(step, module, in_bfloat16=fp32_precision == "bf16")
