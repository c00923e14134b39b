"""The nets that are timed, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from .._nets import PLAIN, Net, convolutional

CONSTANT = {"lr_schedule": None, "weight_decay": 0.0}


@dataclass(frozen=True)
class Timed:
    """A net on a set.

    Parameters
    ----------
    net : Net
        The net.
    dataset : str
        The set.
    epochs : int
        Of a run.
    skorch_epochs : int or None, default=None
        Of stock skorch, whose seconds are then scaled: nothing changes there from epoch to epoch.
    batches_only : bool, default=False
        Whether batches are timed, but no runs.
    shares_weights : bool, default=False
        Whether members share the weights of hidden layers.
    """

    net: Net
    dataset: str
    epochs: int
    skorch_epochs: int | None = None
    batches_only: bool = False
    shares_weights: bool = False

    @property
    def is_cnn(self) -> bool:
        """Whether the net is a convolutional one."""
        return self.net.kind == "cnn"


def dnn(size: int, activation: str, lr: float) -> Net:
    """Return one of the paper's perceptrons, for the cross-entropy."""
    own = {"hidden_layer_sizes": (size,), "activation": activation, "lr": lr, "batch_size": 100}
    return Net(PLAIN | own | {"optimizer": "sgd"} | CONSTANT)


# The net that the estimators have by default.
DEFAULT = {
    "hidden_layer_sizes": (256, 256, 256),
    "activation": "silu",
    "batch_norm": True,
    "dropout": 0.2,
    "optimizer": "adamw",
    "lr": 0.002,
    "batch_size": 256,
}
# Narrow nets side by side: with weights of their own, and with hidden layers that they share.
MEMBERS = DEFAULT | {
    "hidden_layer_sizes": (64, 64, 64),
    "activation": "relu",
    "dropout": 0.0,
    "n_members": 8,
    "scaling": True,
    "batch_size": 512,
}
SHARED_MEMBERS = MEMBERS | {
    "hidden_layer_sizes": (128, 128),
    "batch_norm": False,
    "dropout": 0.1,
    "scaling": False,
    "batch_size": 256,
}
# The paper's nets; on MNIST 18 of its 100 epochs, two cycles of shrinking, for the convolutional
# ones 9, one cycle.
TIMED: dict[str, Timed] = {
    "higgs": Timed(dnn(50, "sigmoid", 0.2), "higgs", 100),
    "mnist": Timed(dnn(1000, "tanh", 0.1), "mnist", 18),
    "default": Timed(Net(DEFAULT), "higgs28", 0, batches_only=True),
    "members": Timed(Net(MEMBERS), "higgs28", 0, batches_only=True),
    "shared_members": Timed(
        Net(SHARED_MEMBERS), "higgs28", 0, batches_only=True, shares_weights=True
    ),
    "mnist_cnn": Timed(convolutional("mnist", 0.02, **CONSTANT), "mnist", 9, 3),
    "cifar10_cnn": Timed(convolutional("cifar10", 0.02, **CONSTANT), "cifar10", 9, 2),
}
