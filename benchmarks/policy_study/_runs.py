"""The runs of the policy study: a set, a net, an optimiser, a rate, a seed and a method."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from .._methods import ALONE, followed
from .._nets import BOUNDED, PLAIN, Length, Net, convolutional
from .._runs import sizes_of, train
from .._scores import scores
from .._store import Record
from ..data import Split, held_out, load

ALLOWED = (*ALONE, "random_as_default", "fewer_as_default")
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "momentum": 0.9},
    "adam": {"optimizer": "adam"},
    "adamw": {"optimizer": "adamw"},
}
RATES: dict[str, tuple[float, ...]] = {
    "sgd": (0.1, 0.4),
    "momentum": (0.01, 0.04),
    "adam": (0.001, 0.003),
    "adamw": (0.001, 0.002),
}
# Units of the shallow net, and row visits, unless the command line says otherwise.
SIZES = {"higgs": 50, "mnist": 500, "mnist_noise10": 500, "mnist_noise40": 500, "cifar10": 500}
VISITS = {
    "higgs": 20.0,
    **dict.fromkeys(("mnist", "mnist_noise10", "mnist_noise40", "mnist_1in100"), 12.0),
    **dict.fromkeys(("higgs_1in100", "cifar10"), 12.0),
    **dict.fromkeys(("digits", "breast_cancer", "wine", "diabetes"), 30.0),
    **dict.fromkeys(("movie", "friedman", "friedman_noise", "friedman_clean"), 20.0),
    **dict.fromkeys(("friedman_tails", "table_clean", "table_noise10", "table_noise20"), 20.0),
}


def run_group(group: list[Record], data_home: Path | None) -> list[tuple[Record, Record]]:
    """Return settings and results of some methods on one seed of one comparison."""
    data = data_of(group[0]["dataset"], group[0]["split"], data_home)
    net = net_of(group[0], data)
    made: dict[str, Record] = {}
    for settings in sorted(group, key=lambda settings: followed(settings["method"]) or ""):
        name = settings["method"]
        model = followed(name)
        sizes = tuple(made[model]["n_active"]) if model else ()
        length = Length(visits=settings["visits"])
        estimator, record = train(name, net, data, length, settings["seed"], sizes=sizes)
        record["n_active"] = sizes_of(estimator)
        made[name] = scores(estimator, data.X_test, data.y_test) | record
    return [(settings, made[settings["method"]]) for settings in group]


def net_of(settings: Record, data: Split) -> Net:
    """Return the net of a run: shallow[-SIZE], deep, or cnn-PRESET[-DTYPE]."""
    kind, *options = settings["net"].split("-")
    params = OPTIMIZERS[settings["optimizer"]] | {"batch_size": settings["batch_size"]}
    if kind == "cnn":
        preset, *dtype = options
        net = convolutional(preset, settings["lr"], **params)
        return net.with_dtype(dtype[0]) if dtype else net
    params |= {"lr": settings["lr"], "n_threads": 1}
    if kind == "shallow":
        size = int(options[0]) if options else SIZES.get(settings["dataset"], 100)
        params |= PLAIN | {"activation": "relu", "hidden_layer_sizes": (size,)}
    if not data.is_classification and ((data.y >= 0) & (data.y <= 1)).all():
        params |= BOUNDED
    return Net(params)


@lru_cache(2)
def data_of(name: str, split: str, data_home: Path | None) -> Split:
    """Return the rows; of the training rows alone for validation."""
    data = load(name, data_home)
    return data if split == "test" else held_out(data)
