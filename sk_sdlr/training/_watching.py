"""Callbacks that look on while a net trains, and what they are shown."""

from __future__ import annotations

from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor

from ._batches import parts_of
from ._steps import Step

BATCH_HOOKS = ["on_batch_begin", "on_batch_end"]
EPOCH_HOOKS = ["on_epoch_begin", "on_epoch_end"]


def is_watched(net: NeuralNet, hooks: list[str]) -> bool:
    """Return whether a callback, or the net's own class, overrides any of these hooks.

    Parameters
    ----------
    net : NeuralNet
        An initialised net.
    hooks : list of str
        Names of methods of :class:`skorch.callbacks.Callback`.

    Returns
    -------
    watched : bool
        Whether one does.
    """
    callbacks = [callback for _, callback in net.callbacks_]
    return any(
        getattr(type(listener), hook) is not getattr(base, hook)
        for base, listeners in ((NeuralNet, [net]), (Callback, callbacks))
        for listener in listeners
        for hook in hooks
    )


class WatchedStep:
    """A step that takes a batch at a time, with word of each to the callbacks.

    Parameters
    ----------
    step : Step
        What trains.
    net : NeuralNet
        Whose callbacks look on.
    """

    def __init__(self, step: Step, net: NeuralNet) -> None:
        self.step = step
        self.net = net

    def __call__(
        self,
        x: Tensor,
        y: Tensor,
        weight: Tensor | None,
        error: Tensor,
        batch_size: int | None = None,
        output_error: Tensor | None = None,
    ) -> Tensor:
        """Train on a batch, or on several; see :class:`Step`."""
        output = x
        for *buffers, some_weight, some_error, some_output in parts_of(
            batch_size or x.shape[0], x, y, weight, error, output_error
        ):
            # Callbacks may keep what they are given; the buffers are filled anew.
            batch = buffers[0].clone(), buffers[1].clone()
            self.net.notify("on_batch_begin", batch=batch, training=True)
            output = self.step(*batch, some_weight, some_error, output_error=some_output).clone()
            loss = some_error if some_weight is None else some_error * some_weight
            notify_batch_end(self.net, *batch, loss.mean(), output, training=True)
        return output

    def close(self) -> None:
        """Close the step that trains."""
        self.step.close()


def notify_batch_end(
    net: NeuralNet, x: Tensor, y: Tensor, loss: Tensor, output: Tensor, *, training: bool
) -> None:
    """Tell the callbacks of a batch that is over, and its size to the history."""
    net.history.record_batch("train_batch_size" if training else "valid_batch_size", x.shape[0])
    net.notify("on_batch_end", batch=(x, y), training=training, loss=loss, y_pred=output)
