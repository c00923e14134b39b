"""From one optimiser to another on the same parameters."""

from __future__ import annotations

from itertools import chain

from torch.optim import Optimizer


def take_over_state(optimizer: Optimizer, other: Optimizer) -> None:
    """Give an optimiser the moments of another one of its class.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Keeps its settings; gets the state of each parameter that the other one has too.
    other : torch.optim.Optimizer
        May have the parameters in other groups; it is not to be used any more.
    """
    # Torch numbers parameters by their place in the groups.
    groups = optimizer.param_groups
    number = {p: i for i, p in enumerate(chain(*(group["params"] for group in groups)))}
    state = {number[p]: values for p, values in other.state.items() if p in number}
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
