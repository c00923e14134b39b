"""Skorch's InputShapeSetter, before the module is checked."""

from __future__ import annotations

from typing import Any

from skorch.callbacks import InputShapeSetter

from ..nets import ActiveSetNet


def set_input_shapes(net: ActiveSetNet, X: Any) -> None:
    """Let skorch's InputShapeSetter do its work now, before the module is checked and laid out.

    Parameters
    ----------
    net : ActiveSetNet
        A new net, initialised.
    X : array-like of shape (n_samples, ...)
        Features.
    """
    for _, callback in net.callbacks_:
        if isinstance(callback, InputShapeSetter):
            callback.on_train_begin(net, X, None)
