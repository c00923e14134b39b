"""What PolicyCallback checks before training."""

from __future__ import annotations

from numbers import Real
from typing import Any

from skorch import NeuralNet

from ..steps._objective import check_criterion
from ._net import ActiveSetNet


def check_parameters(policy: Any, full_at_end: Any) -> None:
    """Raise an error if the parameters of the callback are not what they must be."""
    methods = [getattr(policy, name, None) for name in ("start", "update")]
    if isinstance(policy, type) or not all(map(callable, methods)):
        raise TypeError(
            f"The 'policy' parameter of PolicyCallback must be a Policy. Got {policy!r} instead."
        )
    if getattr(policy, "is_weighted", False):
        raise weighs(policy)
    if not isinstance(full_at_end, Real) or not 0 <= float(full_at_end) <= 1:
        raise ValueError(
            "The 'full_at_end' parameter of PolicyCallback must be a number in the range [0, 1]. "
            f"Got {full_at_end!r} instead."
        )


def weighs(policy: Any) -> TypeError:
    """Return the error to raise of a policy that weighs rows."""
    return TypeError(
        "The 'policy' parameter of PolicyCallback must not weigh rows, as a stock skorch net has "
        f"no place for weights. Got {policy!r} instead. ActiveSetNet has: give it the policy as "
        "`policy=`."
    )


def check_net(net: NeuralNet, kind: type) -> None:
    """Raise an error if the rows of this net cannot be chosen, or their errors not be known.

    Parameters
    ----------
    net : NeuralNet
        The net.
    kind : type
        The class of the callback, of which the net must have one.
    """
    if isinstance(net, ActiveSetNet):
        raise TypeError(
            "PolicyCallback must be given to a stock skorch net. "
            f"Got {type(net).__name__} instead. Give it the policy as `policy=`."
        )
    if sum(isinstance(callback, kind) for _, callback in net.callbacks_) > 1:
        raise ValueError("A net must have one PolicyCallback. Got several instead.")
    loader = net.get_params_for("iterator_train")
    allowed = {"sampler": None, "batch_sampler": None, "in_order": True}
    for name, value in allowed.items():
        if loader.get(name, value) is not value:
            raise ValueError(
                f"iterator_train__{name} must be {value}, as PolicyCallback chooses the rows and "
                f"has to know them. Got {loader[name]!r} instead."
            )
    check_criterion(net.criterion_)
