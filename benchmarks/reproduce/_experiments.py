"""The paper's experiments: nets, sets, and which methods are compared.

Where the paper is silent something had to be chosen, for training on all rows, and is the same for
all methods: the rates of the nets for HIGGS and splicing and of the convolutional net for MNIST
(on held-out training rows), that of the convolutional net for CIFAR-10 and momentum 0.9 of both
(usual values), sigmoid hidden units of the DBN (which RBMs have), and how the rate goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._methods import STOP_THRESHOLDS
from .._nets import BOUNDED, PLAIN, SQUARED_ERROR, Net, convolutional

IN_TABLES = (
    *("all_rows", "sdl", "sdlr", "sdlr_eq9"),
    *("default", "default_visits", "fewer_as_sdlr", "random_as_sdlr"),
)
# The convolutional nets take the longest; Eq. 9 is compared on the others.
OF_CNN = tuple(name for name in IN_TABLES if name != "sdlr_eq9")
PUBLISHED = ("sdl", "sdlr", "sdlr_eq9")


@dataclass(frozen=True)
class Experiment:
    """A net on a set, as the paper describes it.

    Parameters
    ----------
    title : str
        What tables and figures call it.
    data : str
        Name of the set.
    net : Net
        What is trained.
    epochs : int, default=100
        Passes over the active set.
    watched : tuple of str, default=()
        Rows whose errors are noted after each epoch, in time of their own: "test", and "train" of
        the first seed.
    methods : tuple of str
        Which are compared.
    """

    title: str
    data: str
    net: Net
    epochs: int = 100
    watched: tuple[str, ...] = ()
    methods: tuple[str, ...] = IN_TABLES


def sgd(sizes: tuple[int, ...], activation: str, lr: float) -> dict:
    """Return what the paper's perceptrons have in common."""
    own = {"hidden_layer_sizes": sizes, "activation": activation, "lr": lr}
    return own | {"optimizer": "sgd", "dropout": 0.0, "batch_size": 100}


def dnn(sizes: tuple[int, ...], activation: str, lr: float) -> Net:
    """Return one of the paper's perceptrons for classes."""
    return Net(PLAIN | SQUARED_ERROR | sgd(sizes, activation, lr))


MNIST_DNN = dnn((1000,), "tanh", 1.0)
EXPERIMENTS: dict[str, Experiment] = {
    "mnist_dnn": Experiment(
        "MNIST, DNN 784-1000-10", "mnist", MNIST_DNN, watched=("test", "train")
    ),
    "mnist_dbn": Experiment(
        "MNIST, DBN 784-1000-10",
        "mnist",
        Net(SQUARED_ERROR | sgd((1000,), "sigmoid", 1.0), "dbn"),
        watched=("test",),
    ),
    "mnist_cnn": Experiment(
        "MNIST, CNN",
        "mnist",
        convolutional("mnist", 0.05, momentum=0.9),
        epochs=50,
        watched=("test",),
        methods=OF_CNN,
    ),
    "cifar10_cnn": Experiment(
        "CIFAR-10, CNN",
        "cifar10",
        convolutional("cifar10", 0.01, momentum=0.9),
        epochs=50,
        watched=("test",),
        methods=OF_CNN,
    ),
    "higgs_7_20_20_2": Experiment("Higgs, DNN 7-20-20-2", "higgs", dnn((20, 20), "sigmoid", 4.0)),
    "higgs_7_50_2": Experiment("Higgs, DNN 7-50-2", "higgs", dnn((50,), "sigmoid", 4.0)),
    "splicing": Experiment(
        "splicing, DNN with 100 units",
        "splicing",
        Net(PLAIN | BOUNDED | sgd((100,), "tanh", 1.0)),
    ),
    "mnist_1000": Experiment(
        "1,000 rows of MNIST, DNN 784-1000-10",
        "mnist_1000",
        MNIST_DNN,
        watched=("train",),
        methods=("all_rows", "sdl"),
    ),
    "mnist_stop_threshold": Experiment(
        "MNIST, DNN 784-1000-10, stop thresholds",
        "mnist",
        MNIST_DNN,
        watched=("test",),
        methods=("all_rows", *(f"sdlr_t{t}" for t in STOP_THRESHOLDS)),
    ),
}
