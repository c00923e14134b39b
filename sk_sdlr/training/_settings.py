"""The settings of an ActiveSetNet, checked before any work begins."""

from __future__ import annotations

from typing import Any

from ._schedule import LR_SCHEDULES


def check_settings(net: Any) -> None:
    """Raise ValueError if a setting is out of its range.

    Parameters
    ----------
    net : ActiveSetNet
        Of skorch's own settings none is looked at.
    """
    schedule = net.lr_schedule
    for name, allowed, fine in (
        ("step", "'auto', 'dense' or 'autograd'", net.step in ("auto", "dense", "autograd")),
        (
            "lr_schedule",
            "'linear', 'cosine', None or callable",
            schedule is None or schedule in tuple(LR_SCHEDULES) or callable(schedule),
        ),
        ("anneal", "in [0, 1]", 0 <= net.anneal <= 1),
        ("max_visits", "None or positive", net.max_visits is None or net.max_visits > 0),
    ):
        if not fine:
            value = getattr(net, name)
            raise ValueError(f"{name} must be {allowed}, however: {name}={value!r}.")
