"""State as ``torch.load`` reads it with ``weights_only=True``."""

from __future__ import annotations

from numbers import Number
from typing import Any

PLAIN = (bool, int, float, complex)


def plain(value: Any) -> Any:
    """Return a value with Python's own numbers in place of those of numpy.

    Searches over parameters set learning rates and tolerances of numpy, which only pickle writes.

    Parameters
    ----------
    value : object
        A number; or a dict, list or tuple, however nested. Dicts and lists are changed in place.

    Returns
    -------
    value : object
        The same, with other numbers.
    """
    if isinstance(value, dict):
        value.update({key: plain(item) for key, item in value.items()})
    elif isinstance(value, list):
        value[:] = map(plain, value)
    elif type(value) is tuple:
        return tuple(map(plain, value))
    elif isinstance(value, Number) and type(value) not in PLAIN and hasattr(value, "item"):
        return value.item()
    return value
