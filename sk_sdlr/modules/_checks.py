"""Checks of what modules are made from; the errors name the parameter, its value and the range."""

from __future__ import annotations

from numbers import Integral, Real

OUTPUT_ACTIVATIONS = ("identity", "sigmoid", "softmax")


def is_size(value: object) -> bool:
    """Return whether this is a positive int."""
    return isinstance(value, Integral) and int(value) > 0


def check_size(name: str, value: object) -> None:
    """Raise ValueError unless the value is a positive int."""
    if not is_size(value):
        raise ValueError(f"{name} must be a positive int, however: {name}={value!r}.")


def check_option(name: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raise ValueError unless the value is one of those allowed."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, however: {name}={value!r}.")


def check_dropout(dropout: object) -> None:
    """Raise ValueError unless the probability is in [0, 1)."""
    if not isinstance(dropout, Real) or not 0 <= float(dropout) < 1:
        raise ValueError(f"dropout must be a number in [0, 1), however: dropout={dropout!r}.")
