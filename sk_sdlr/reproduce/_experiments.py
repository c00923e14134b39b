"""The paper's experiments: nets, sets, and who is compared with whom.

Where the paper is silent something had to be chosen, for training on all rows, and is the same for
all contestants: the rates of the nets for HIGGS and splicing and of the convolutional net for MNIST
(on held-out training rows), that of the convolutional net for CIFAR-10 and momentum 0.9 of both
(usual values), sigmoid hidden units of the DBN (which RBMs have), and how the rate goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..estimators import (
    ShrinkingCNNClassifier,
    ShrinkingDBNClassifier,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
)
from ..experiments._controls import RandomOfSizes
from ..policies import FullData, ShrinkRecall

PLAIN = {"batch_norm": False, "dropout": 0.0}
DENSE = {
    "dropout": 0.0,
    "optimizer": "sgd",
    "output_activation": "sigmoid",
    "loss": "squared_error",
}
CONVOLUTIONAL = PLAIN | {"optimizer": "sgd", "momentum": 0.9}


@dataclass(frozen=True)
class Experiment:
    """A net on a set, as the paper describes it.

    Parameters
    ----------
    title : str
        What tables and figures call it.
    data : str
        Name of the set.
    kind : type
        The estimator.
    params : dict
        Its parameters.
    epochs : int, default=100
        Passes over the active set.
    batch_size : int, default=100
        Rows a batch.
    watched : tuple of str, default=()
        Rows whose errors are noted after each epoch, in time of their own: "test", and "train" of
        the first seed.
    contestants : tuple of str
        Names of `CONTESTANTS`.
    """

    title: str
    data: str
    kind: type
    params: dict[str, Any]
    epochs: int = 100
    batch_size: int = 100
    watched: tuple[str, ...] = ()
    contestants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contestant:
    """How the rows of a run are chosen.

    Parameters
    ----------
    label : str
        What tables and figures call it.
    settings : callable
        Of the number of epochs, the number of rows, and the sizes of the active sets of "sdlr":
        the estimator's parameters.
    """

    label: str
    settings: Callable[[int, int, tuple[int, ...]], dict[str, Any]]


def published(**params: Any) -> dict[str, Any]:
    """Return the paper's rule: nothing brings rows back but its own recall."""
    return {"policy": ShrinkRecall(**{"s": 0.2, "t": 0.2, "alpha": None} | params), "anneal": 0.0}


def same_visits(n_samples: int, sizes: tuple[int, ...]) -> float:
    """Return the row visits of another run, in units of the number of rows."""
    return sum(sizes) / n_samples


CONTESTANTS: dict[str, Contestant] = {
    "plain": Contestant("all rows", lambda epochs, n, sizes: {"policy": FullData()}),
    "sdl": Contestant("sDL", lambda epochs, n, sizes: published(recall=False)),
    "sdlr": Contestant("sDLr", lambda epochs, n, sizes: published()),
    "sdlr_eq9": Contestant("sDLr (Eq. 9)", lambda epochs, n, sizes: published(alpha=0.5)),
    "default": Contestant("default, equal epochs", lambda epochs, n, sizes: {"anneal": 0.1}),
    "default_visits": Contestant(
        "default, equal visits",
        lambda epochs, n, sizes: {"anneal": 0.1, "max_visits": float(epochs)},
    ),
    "fewer": Contestant(
        "control: all rows, fewer epochs",
        lambda epochs, n, sizes: {"policy": FullData(), "max_visits": same_visits(n, sizes)},
    ),
    "random": Contestant(
        "control: random rows",
        lambda epochs, n, sizes: {"policy": RandomOfSizes(sizes), "anneal": 0.0},
    ),
}
PUBLISHED = ("sdl", "sdlr", "sdlr_eq9")
NEED_SIZES = ("fewer", "random")
STOP_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.6, 0.8)
IN_TABLES = (*CONTESTANTS,)
# The convolutional nets take the longest; Eq. 9 is compared on the others.
OF_CNN = tuple(name for name in IN_TABLES if name != "sdlr_eq9")


def with_stop_threshold(t: float) -> Contestant:
    """Return sDLr with another stop threshold."""
    return Contestant(f"t = {t:.0%}", lambda epochs, n, sizes: published(t=t))


CONTESTANTS |= {f"t={t}": with_stop_threshold(t) for t in STOP_THRESHOLDS}

MNIST_DNN = PLAIN | DENSE | {"hidden_layer_sizes": (1000,), "activation": "tanh", "lr": 1.0}
EXPERIMENTS: dict[str, Experiment] = {
    "mnist_dnn": Experiment(
        "MNIST, DNN 784-1000-10",
        "mnist",
        ShrinkingDNNClassifier,
        MNIST_DNN,
        watched=("test", "train"),
        contestants=IN_TABLES,
    ),
    "mnist_dbn": Experiment(
        "MNIST, DBN 784-1000-10",
        "mnist",
        ShrinkingDBNClassifier,
        DENSE | {"hidden_layer_sizes": (1000,), "activation": "sigmoid", "lr": 1.0},
        watched=("test",),
        contestants=IN_TABLES,
    ),
    "mnist_cnn": Experiment(
        "MNIST, CNN",
        "mnist",
        ShrinkingCNNClassifier,
        CONVOLUTIONAL | {"layers": "mnist", "lr": 0.05},
        epochs=50,
        watched=("test",),
        contestants=OF_CNN,
    ),
    "cifar10_cnn": Experiment(
        "CIFAR-10, CNN",
        "cifar10",
        ShrinkingCNNClassifier,
        CONVOLUTIONAL | {"layers": "cifar10", "image_shape": (3, 32, 32), "lr": 0.01},
        epochs=50,
        watched=("test",),
        contestants=OF_CNN,
    ),
    "higgs_7_20_20_2": Experiment(
        "Higgs, DNN 7-20-20-2",
        "higgs",
        ShrinkingDNNClassifier,
        PLAIN | DENSE | {"hidden_layer_sizes": (20, 20), "activation": "sigmoid", "lr": 4.0},
        contestants=IN_TABLES,
    ),
    "higgs_7_50_2": Experiment(
        "Higgs, DNN 7-50-2",
        "higgs",
        ShrinkingDNNClassifier,
        PLAIN | DENSE | {"hidden_layer_sizes": (50,), "activation": "sigmoid", "lr": 4.0},
        contestants=IN_TABLES,
    ),
    "splicing": Experiment(
        "splicing, DNN with 100 units",
        "splicing",
        ShrinkingDNNRegressor,
        PLAIN
        | {
            "optimizer": "sgd",
            "output_activation": "sigmoid",
            "hidden_layer_sizes": (100,),
            "activation": "tanh",
            "lr": 1.0,
        },
        contestants=IN_TABLES,
    ),
    "mnist_1000": Experiment(
        "1,000 rows of MNIST, DNN 784-1000-10",
        "mnist_1000",
        ShrinkingDNNClassifier,
        MNIST_DNN,
        watched=("train",),
        contestants=("plain", "sdl"),
    ),
    "mnist_stop_threshold": Experiment(
        "MNIST, DNN 784-1000-10, stop thresholds",
        "mnist",
        ShrinkingDNNClassifier,
        MNIST_DNN,
        watched=("test",),
        contestants=("plain", *(f"t={t}" for t in STOP_THRESHOLDS)),
    ),
}
