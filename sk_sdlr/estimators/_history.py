"""What estimators show of the history of their net."""

from __future__ import annotations

from typing import Any

from ..nets import ActiveSetNet

NOT_SHOWN = ("batches", "train_loss_best", "valid_loss_best")  # for skorch's callbacks


def history_of(net: ActiveSetNet) -> list[dict[str, Any]]:
    """Return one dict per epoch.

    Parameters
    ----------
    net : ActiveSetNet
        A net that was trained.

    Returns
    -------
    history : list of dict
        The records of the runs, and what callbacks have added.
    """
    return [
        {key: value for key, value in row.items() if key not in NOT_SHOWN}
        for row in net.history.to_list()
    ]
