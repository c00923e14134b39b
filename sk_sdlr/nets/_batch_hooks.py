"""From the words of a run to the hooks of skorch's callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor

from ..runs._listener import Listener
from ._tensors import dataset_for_callbacks

if TYPE_CHECKING:
    from ._net import ActiveSetNet

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


class CallbackListener(Listener):
    """Tells the callbacks of a net what its run does.

    Parameters
    ----------
    net : ActiveSetNet
        An initialised net.
    train : Dataset
        The training set.
    valid : Dataset or None
        The validation set.

    Attributes
    ----------
    datasets : dict
        The arguments of ``on_epoch_begin`` and ``on_epoch_end``.
    """

    def __init__(self, net: ActiveSetNet, train: Any, valid: Any) -> None:
        self.net = net
        self.datasets = {
            f"dataset_{name}": data and dataset_for_callbacks(data, net._scored_targets)
            for name, data in (("train", train), ("valid", valid))
        }
        self.wants_epochs = is_watched(net, EPOCH_HOOKS)
        self.wants_batches = is_watched(net, BATCH_HOOKS)
        self.wants_gradients = is_watched(net, ["on_grad_computed"])

    def on_epoch_begin(self) -> None:
        """Notify of an epoch."""
        self.net.notify("on_epoch_begin", **self.datasets)

    def on_batch_begin(self, x: Tensor, y: Tensor, *, training: bool) -> None:
        """Notify of a batch."""
        self.net.notify("on_batch_begin", batch=self._batch(x, y), training=training)
        self._set_mode(training)

    def on_batch_end(
        self, x: Tensor, y: Tensor, loss: Tensor, output: Tensor, *, training: bool
    ) -> None:
        """Record the size of the batch, and notify."""
        name = "train_batch_size" if training else "valid_batch_size"
        self.net.history.record_batch(name, x.shape[0])
        batch = self._batch(x, y)
        self.net.notify("on_batch_end", batch=batch, training=training, loss=loss, y_pred=output)

    def on_gradients(self, x: Tensor, y: Tensor) -> None:
        """Notify of the gradients."""
        batch, parameters = self._batch(x, y), list(self.net.get_all_learnable_params())
        self.net.notify("on_grad_computed", named_parameters=parameters, batch=batch, training=True)
        self._set_mode(True)

    def _batch(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x, self.net._scored_targets(y)

    def _set_mode(self, training: bool) -> None:
        # A callback that predicts leaves the module in evaluation mode.
        if self.net.module_.training != training:
            self.net.module_.train(training)
