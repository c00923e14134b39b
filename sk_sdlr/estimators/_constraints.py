"""What the parameters of all estimators may be."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ..runs._learning_rate import LR_SCHEDULES
from ._dtypes import DTYPES
from ._optimizers import OPTIMIZERS

CONSTRAINTS: dict[str, list[Any]] = {
    "s": [Interval(Real, 0, 1, closed="left")],
    "t": [
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
        Interval(Real, 0, 1, closed="right"),
    ],
    "alpha": [Interval(Real, 0, 1, closed="left"), None],
    "policy": [HasMethods(["start", "update"]), None],
    "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "momentum": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
    "betas": ["array-like", StrOptions({"auto"})],
    "weight_decay": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
    "lr_schedule": [StrOptions(set(LR_SCHEDULES)), callable, None],
    "weight_average": [Interval(Real, 0, 1, closed="neither"), None],
    "full_at_end": [Interval(Real, 0, 1, closed="both")],
    "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "max_passes": [Interval(Real, 0, None, closed="neither"), None],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left")],
    "device": [str, torch.device],
    "dtype": [StrOptions(set(DTYPES))],
    "n_threads": [Interval(Integral, 1, None, closed="left"), None],
    "warm_start": ["boolean"],
    "callbacks": [list, None],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}
