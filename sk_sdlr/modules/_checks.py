"""Checks of what modules are made from; the errors are in scikit-learn's words."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

OUTPUT_ACTIVATIONS = ("identity", "sigmoid", "softmax")


def bad_parameter(owner: str, name: str, must: str, value: object) -> ValueError:
    """Return the error that says what a parameter must do, and what it is instead."""
    return ValueError(f"The {name!r} parameter of {owner} must {must}. Got {value!r} instead.")


def is_size(value: object) -> bool:
    """Return whether this is a positive int."""
    return isinstance(value, Integral) and int(value) > 0


def one_of(allowed: Sequence[object]) -> str:
    """Return the names of what is allowed, in braces."""
    return f"{{{', '.join(map(repr, allowed))}}}"


def check_size(owner: str, name: str, value: object) -> None:
    """Raise ValueError unless the value is a positive int."""
    if not is_size(value):
        raise bad_parameter(owner, name, "be a positive int", value)


def check_sizes(owner: str, name: str, value: object) -> None:
    """Raise ValueError unless the value is a sequence of positive ints, or an empty one."""
    if not isinstance(value, Sequence) or not all(map(is_size, value)):
        raise bad_parameter(owner, name, "be a sequence of positive ints", value)


def check_option(owner: str, name: str, value: object, allowed: Sequence[object]) -> None:
    """Raise ValueError unless the value is one of those allowed."""
    if value not in allowed:
        raise bad_parameter(owner, name, f"be one of {one_of(allowed)}", value)


def check_dropout(owner: str, name: str, value: object) -> None:
    """Raise ValueError unless the value is a probability that leaves something."""
    if not isinstance(value, Real) or not 0 <= float(value) < 1:
        raise bad_parameter(owner, name, "be a number in the range [0, 1)", value)
