"""Who looks on while a run trains, and a step that tells of each batch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..steps._step import Batches, Step


class Listener:
    """Is told what a run does. This one asks for nothing.

    Attributes
    ----------
    wants_epochs : bool
        Whether it looks at module and optimiser between epochs.
    wants_batches : bool
        Whether it is told of each batch.
    wants_gradients : bool
        Whether it is told when gradients are there.
    """

    wants_epochs = False
    wants_batches = False
    wants_gradients = False

    def on_epoch_begin(self) -> None:
        """Before an epoch."""

    def on_batch_begin(self, x: Tensor, y: Tensor, *, training: bool) -> None:
        """Before a batch."""

    def on_batch_end(
        self, x: Tensor, y: Tensor, loss: Tensor, output: Tensor, *, training: bool
    ) -> None:
        """After a batch."""

    def on_gradients(self, x: Tensor, y: Tensor) -> None:
        """Before the optimiser's step."""


class WatchedStep:
    """A step that learns a batch at a time, and tells of each.

    Parameters
    ----------
    step : Step
        What learns.
    listener : Listener
        Who is told.
    """

    def __init__(self, step: Step, listener: Listener) -> None:
        self.step = step
        self.listener = listener

    def __call__(self, batches: Batches) -> Tensor:
        """Learn each batch; see :class:`Step`."""
        output = batches.x
        for batch in batches:
            # Who listens may keep what is given; the buffers are filled anew.
            batch.x, batch.y = batch.x.clone(), batch.y.clone()
            self.listener.on_batch_begin(batch.x, batch.y, training=True)
            output = self.step(batch).clone()
            loss = batch.error if batch.weight is None else batch.error * batch.weight
            self.listener.on_batch_end(batch.x, batch.y, loss.mean(), output, training=True)
        return output

    def close(self) -> None:
        """Close the step that learns."""
        self.step.close()

    def state_dict(self) -> dict[str, Any]:
        """Return what the step that learns remembers."""
        return self.step.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let it go on from there."""
        self.step.load_state_dict(state)
