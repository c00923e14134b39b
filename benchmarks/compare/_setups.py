"""Which net is trained on which set, the same for all methods that train it, and for how long."""

from __future__ import annotations

from typing import NamedTuple

from .._nets import PLAIN, Net, convolutional, perceptron


class Setup(NamedTuple):
    """A net, and the budgets to compare at.

    Parameters
    ----------
    net : Net
        The net.
    visits : tuple of float, default=(10, 20)
        Row visits of a run, in units of the number of rows, ascending.
    """

    net: Net
    visits: tuple[float, ...] = (10.0, 20.0)


# Rates are the best for all rows, on held-out training rows, of some that differ by a factor of 2.
SETUPS: dict[str, Setup] = {
    "mnist": Setup(perceptron(500, 0.8), (6.0, 12.0)),
    "higgs": Setup(perceptron(50, 0.8), (10.0, 20.0)),
    "higgs28": Setup(perceptron(100, 0.8), (8.0, 16.0)),
    "cifar10": Setup(convolutional("cifar10", 0.04, momentum=0.9), (4.0, 8.0)),
}
# Of a set that is not known: the estimators' own optimiser, whose rate fits most.
ANY = Setup(Net(PLAIN | {"hidden_layer_sizes": (100,), "activation": "relu", "batch_size": 100}))


def setup_for(dataset: str) -> Setup:
    """Return what is trained on a named set or a file."""
    return SETUPS.get(dataset, ANY)
