"""Checks of what policies are given; the errors read as scikit-learn's do."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

from torch import Tensor

from ._base import EpochReport, Policy


def check_parameter(
    policy: Policy,
    name: str,
    allowed: str,
    kind: type | tuple[type, ...] = Real,
    fits: Callable[[Any], bool] = lambda value: True,
) -> None:
    """Raise TypeError unless the parameter is of this kind, ValueError unless its value fits.

    Parameters
    ----------
    policy : Policy
        Whose parameter it is.
    name : str
        Its name.
    allowed : str
        What it must be, in words.
    kind : type or tuple of types, default=Real
        What it must be an instance of. True and False are numbers only by name.
    fits : callable, default=lambda value: True
        Whether a value of that kind is in the range.
    """
    value = getattr(policy, name)
    message = (
        f"The {name!r} parameter of {type(policy).__name__} must be {allowed}. "
        f"Got {value!r} instead."
    )
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(message)
    if not fits(value):
        raise ValueError(message)


def is_share(value: Any) -> bool:
    """Return whether a number is in the range [0, 1)."""
    return 0 <= float(value) < 1


def signal_of(policy: Policy, report: EpochReport, name: str) -> Tensor:
    """Return the signal of this name; raise ValueError if the report lacks it."""
    if name not in report.signals:
        raise ValueError(
            f"The signals of the report must have {name!r}, which {type(policy).__name__} needs. "
            f"Got {sorted(report.signals)} instead."
        )
    return report.signals[name]
