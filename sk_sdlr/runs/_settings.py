"""Every knob of a run, checked when it is set."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

import torch

from ..steps._make_step import STEPS
from ._learning_rate import LR_SCHEDULES, Schedule


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The settings of a run.

    Parameters
    ----------
    max_epochs : int, default=10
        Passes over the active set.
    max_passes : float or None, default=None
        Bounds the row visits in place of `max_epochs`, in units of the number of rows.
    batch_size : int, default=128
        Rows a batch.
    lr_schedule : {"linear", "cosine", "constant_cosine"}, callable or None, default=None
        "linear" and "cosine" fall to 0 over the run, from batch to batch, "constant_cosine" over
        its second half; None is constant; a callable, such as a class of
        ``torch.optim.lr_scheduler``, makes a scheduler that is stepped after each epoch.
    weight_average : float or None, default=None
        The run leaves the average of the weights over about this last share of its batches, in
        (0, 1), and validation rows are judged by it; None: the last weights. Batch norms have
        their statistics of training rows then.
    full_at_end : float, default=0.0
        The last share of the run, in [0, 1], that visits all rows.
    step : {"auto", "dense", "autograd"}, default="auto"
        How a batch is learnt. "auto": in closed form where that does the same as autograd.
    autocast : torch.dtype or None, default=None
        What the module's products are computed in while it trains (``torch.autocast``); None: in
        its own type.
    fp32_precision : {"bf16"} or None, default=None
        What float32 products on the CPU are computed in while it trains: "bf16" throws torch's own
        switch (``torch.backends.mkldnn.matmul.fp32_precision``) where there are instructions by
        which that gains, for the layers that do. Weights and gradients stay float32. None: the
        switch is left alone.
    n_threads : int or None, default=None
        Torch threads while training on the CPU; None: by the size of a step.
    n_iter_no_change : int or None, default=None
        The run stops once the loss of the validation rows has not improved for so many epochs, and
        leaves the best weights; None: it does not.
    tol : float, default=0.0
        What counts as an improvement.

    Raises
    ------
    ValueError
        If a setting is out of its range.

    Examples
    --------
    >>> from sk_sdlr.runs import TrainingSettings
    >>> TrainingSettings(max_epochs=5, lr_schedule="linear").batch_size
    128
    """

    max_epochs: int = 10
    max_passes: float | None = None
    batch_size: int = 128
    lr_schedule: Schedule = None
    weight_average: float | None = None
    full_at_end: float = 0.0
    step: str = "auto"
    autocast: torch.dtype | None = None
    fp32_precision: str | None = None
    n_threads: int | None = None
    n_iter_no_change: int | None = None
    tol: float = 0.0

    def __post_init__(self) -> None:
        schedule, passes = self.lr_schedule, self.max_passes
        named = schedule is None or schedule in tuple(LR_SCHEDULES)
        names, share = ", ".join(map(repr, LR_SCHEDULES)), self.weight_average
        averaged = share is None or (_is_share(share) and 0 < share < 1)
        for name, allowed, fine in (
            ("max_epochs", "an int of at least 0", _is_count(self.max_epochs, 0)),
            ("max_passes", "None or a positive number", passes is None or passes > 0),
            ("batch_size", "an int of at least 1", _is_count(self.batch_size, 1)),
            ("lr_schedule", f"{names}, None or callable", named or callable(schedule)),
            ("weight_average", "None or a number in the range (0, 1)", averaged),
            ("full_at_end", "a number in the range [0, 1]", _is_share(self.full_at_end)),
            ("fp32_precision", "None or 'bf16'", self.fp32_precision in (None, "bf16")),
            ("step", "'auto', 'dense' or 'autograd'", self.step in STEPS),
        ):
            if not fine:
                raise ValueError(
                    f"The {name!r} parameter must be {allowed}. Got {getattr(self, name)!r} "
                    "instead."
                )


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, Integral) and int(value) >= least


def _is_share(value: object) -> bool:
    return isinstance(value, Real) and 0 <= float(value) <= 1
