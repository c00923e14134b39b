"""Which parameters a module was made of, and that they are left as they were."""

from __future__ import annotations

from typing import Any

import numpy as np


class _Default:
    """Stands for a parameter that is not given."""

    def __repr__(self) -> str:
        return "the default"


def target_parameters(estimator: Any) -> dict[str, Any]:
    """Return those parameters that say what the module's outputs are."""
    params = estimator.get_params(deep=False)
    return {name: params[name] for name in ("loss", "output_activation") if name in params}


def check_module_unchanged(owner: str, made_of: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raise ValueError if the estimator wants another module than the one that is there.

    Parameters
    ----------
    owner : str
        The name of the estimator's class.
    made_of : dict
        The parameters that the module was made of.
    wanted : dict
        What they are now.
    """
    default = _Default()
    for name in sorted(made_of.keys() | wanted.keys()):
        before, now = made_of.get(name, default), wanted.get(name, default)
        if not _is_same(before, now):
            raise ValueError(
                f"The {name!r} parameter of {owner} must be left at {before!r} while the module "
                f"is trained on. Got {now!r} instead. fit with warm_start=False makes a new module."
            )


def _is_same(before: Any, now: Any) -> bool:
    if before is now:
        return True
    try:
        return bool(before == now)
    except (ValueError, RuntimeError):  # arrays and tensors
        return np.array_equal(before, now)
