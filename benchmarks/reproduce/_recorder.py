"""Errors after each epoch, on rows of one's choice, in time of their own."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import TensorDataset

Rows = tuple[Any, Any]


class CurveRecorder(Callback):
    """Notes classification errors, and squared errors, after each epoch.

    Parameters
    ----------
    rows : dict
        By name, X of shape (n_samples, n_features) and y of shape (n_samples,), int, the index of
        the class among the sorted classes.
    tick : callable, default=None
        Called after each epoch, with no arguments.

    Attributes
    ----------
    curves : dict
        Lists with a number an epoch: ``NAME_error``, the share of rows whose class is wrong, and
        ``NAME_squared_error``, the sum over the rows of half the squared difference of outputs and
        targets (Eq. 4 of the sDLr paper).
    seconds : float
        What all this took, and is not to be counted as training.
    """

    def __init__(self, rows: dict[str, Rows], tick: Callable[[], None] | None = None) -> None:
        self.rows = rows
        self.tick = tick
        self.initialize()

    def initialize(self) -> CurveRecorder:
        """Begin with nothing noted."""
        self.curves: dict[str, list[float]] = {}
        self.seconds = 0.0
        return self

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Note the errors of the net as it is."""
        began = perf_counter()
        for name, (X, y) in self.rows.items():
            target = torch.as_tensor(y)
            output = net.forward(TensorDataset(torch.as_tensor(X), target)).float()
            wrong = (output.argmax(1) != target).float().mean()
            self._note(f"{name}_error", float(wrong))
            self._note(f"{name}_squared_error", squared_error(output, target))
        if self.tick is not None:
            self.tick()
        self.seconds += perf_counter() - began

    def _note(self, name: str, value: float) -> None:
        self.curves.setdefault(name, []).append(value)


def squared_error(output: Tensor, target: Tensor) -> float:
    """Return the sum over the rows of Eq. 4: half the squared distance to the class's unit vector.

    Parameters
    ----------
    output : Tensor of shape (n_samples, n_classes)
        Outputs of a net.
    target : Tensor of shape (n_samples,)
        Classes, from 0.

    Returns
    -------
    error : float
        The sum.
    """
    wanted = torch.nn.functional.one_hot(target, output.shape[1])
    return float((output - wanted).square().sum()) / 2
