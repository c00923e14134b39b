"""Early stopping for runs that may end before their first epoch does."""

from __future__ import annotations

from typing import Any

from skorch import NeuralNet, callbacks


class EarlyStopping(callbacks.EarlyStopping):
    """Skorch's, for a run that may be interrupted before its first epoch is over."""

    def on_train_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Load the best weights, if there are any."""
        if net.history:
            super().on_train_end(net, **kwargs)
