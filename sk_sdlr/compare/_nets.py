"""Which net is trained on which set, the same for all contestants that train a net."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ..estimators import (
    ShrinkingCNNClassifier,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
)
from ..experiments._sets import Split

PLAIN = {"batch_norm": False, "dropout": 0.0, "device": "cpu"}


@dataclass(frozen=True)
class Net:
    """A net, how it is trained, and for how long.

    Parameters
    ----------
    params : dict
        The estimator's.
    visits : tuple of float
        Row visits of a run, in units of the number of rows; each is a budget to compare at. The
        contestant "all" has twice the largest.
    image_shape : tuple of int or None, default=None
        Channels, height and width, for a convolutional net.
    """

    params: dict[str, Any] = field(default_factory=dict)
    visits: tuple[float, ...] = (10.0, 20.0)
    image_shape: tuple[int, int, int] | None = None

    def make(self, data: Split, **params: Any) -> Any:
        """Return an estimator for these data."""
        if self.image_shape is not None:
            kind: Any = ShrinkingCNNClassifier
            params = {"image_shape": self.image_shape} | params
        else:
            kind = ShrinkingDNNClassifier if data.is_classification else ShrinkingDNNRegressor
        return kind(**PLAIN | self.params | params)

    @property
    def lr(self) -> float:
        """The learning rate with which training begins."""
        return self.params.get("lr", ShrinkingDNNClassifier().lr)

    def with_lr(self, lr: float) -> Net:
        """Return the same net, trained at another rate."""
        return replace(self, params=self.params | {"lr": lr})

    @property
    def hidden_layer_sizes(self) -> tuple[int, ...]:
        """Widths of a perceptron of about this size."""
        return self.params.get("hidden_layer_sizes", (500,))


def perceptron(size: int, visits: tuple[float, ...], lr: float) -> Net:
    """Return a perceptron with a hidden layer, trained by SGD in batches of 100."""
    params = {"hidden_layer_sizes": (size,), "activation": "relu", "optimizer": "sgd", "lr": lr}
    return Net(params | {"batch_size": 100}, visits)


# Rates are the best for all rows, on held-out training rows, of some that differ by a factor of 2.
NETS: dict[str, Net] = {
    "mnist": perceptron(500, (6.0, 12.0), 0.8),
    "higgs": perceptron(50, (10.0, 20.0), 0.8),
    "higgs28": perceptron(100, (8.0, 16.0), 0.8),
    "cifar10": Net(
        {"layers": "cifar10", "optimizer": "sgd", "momentum": 0.9, "lr": 0.04, "batch_size": 100},
        (4.0, 8.0),
        (3, 32, 32),
    ),
}
# Of a set that is not known: the estimators' own optimiser, whose rate fits most.
ANY = Net({"hidden_layer_sizes": (100,), "activation": "relu", "batch_size": 100})


def net_for(dataset: str) -> Net:
    """Return the net for a named set or a file."""
    return NETS.get(dataset, ANY)
