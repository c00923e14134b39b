"""Which policy the parameters of an estimator mean."""

from __future__ import annotations

from typing import Any

from ..policies import AutoRecall, Policy, ShrinkRecall


def resolve_policy(estimator: Any) -> Policy:
    """Return the policy given, or the one that `s`, `t` and `alpha` mean.

    Parameters
    ----------
    estimator : BaseShrinkingEstimator
        Has these parameters.

    Returns
    -------
    policy : Policy
        The policy.

    Raises
    ------
    ValueError
        If there are both, or the policy is a class.
    """
    policy = estimator.policy
    if isinstance(policy, type):
        raise ValueError(
            f"The 'policy' parameter of {type(estimator).__name__} must be an object, not a class. "
            f"Got {policy!r} instead."
        )
    if policy is not None:
        _check_no_conflict(estimator)
        return policy
    if isinstance(estimator.t, str):
        return AutoRecall(estimator.s, estimator.alpha)
    return ShrinkRecall(estimator.s, estimator.t, estimator.alpha)


def _check_no_conflict(estimator: Any) -> None:
    fields = type(estimator).__dataclass_fields__
    given = {name: getattr(estimator, name) for name in ("s", "t", "alpha")}
    changed = [
        f"{name}={value!r}" for name, value in given.items() if value != fields[name].default
    ]
    if changed:
        raise ValueError(
            f"The 'policy' parameter of {type(estimator).__name__} replaces 's', 't' and 'alpha', "
            f"which must be left at their defaults. Got {', '.join(changed)} with "
            f"policy={estimator.policy!r} instead."
        )
