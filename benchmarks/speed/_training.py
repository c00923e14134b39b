"""Seconds of the same training by this package, stock skorch and scikit-learn.

    python benchmarks/overhead.py [--repeats 3] [--only NAME] [--out FILE]

NAME is one of higgs, mnist, mnist_cnn, cifar10_cnn. Same net, optimiser, batch size and number of
epochs for all, in one process, in turn. Printed are medians of the repeats and of their ratios.
Memory is measured in a process of its own. `shrinking` takes the exact quantile of an epoch
(``alpha=None``, line 10 of Algorithm 3), `smoothed` the thresholds of Eq. 9 (``alpha=0.5``); both
have s = t = 0.2. `_bfloat16` is with ``precision="bfloat16"``, on hardware that has it.
"""

from __future__ import annotations

import argparse
import gc
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable

import numpy as np
import torch
from _common import cifar10, higgs, medians, mnist, save
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from torch import nn

from sk_sdlr import ShrinkingCNNClassifier, ShrinkingDNNClassifier
from sk_sdlr.estimators._base import BaseShrinkingEstimator
from sk_sdlr.estimators._precision import has_bfloat16
from sk_sdlr.experiments._fit import seconds
from sk_sdlr.modules import CNN, MLP
from sk_sdlr.training import AutogradStep, DenseStep
from sk_sdlr.training._isolation import choose_threads, step_flops, threads

BATCH_SIZE = 100
# The paper's nets; on MNIST 18 of its 100 epochs, two cycles of shrinking, for the convolutional
# ones 9, one cycle. Nothing changes from epoch to epoch for stock skorch, which takes a few of them
# where a run would be long; its seconds are then scaled.
SETTINGS: dict[str, dict] = {
    "higgs": {"data": higgs, "lr": 0.2, "epochs": 100},
    "mnist": {"data": mnist, "lr": 0.1, "epochs": 18},
    "mnist_cnn": {"data": mnist, "lr": 0.02, "epochs": 9, "skorch_epochs": 3},
    "cifar10_cnn": {"data": cifar10, "lr": 0.02, "epochs": 9, "skorch_epochs": 2},
}
NETS: dict[str, dict] = {
    "higgs": {"hidden_layer_sizes": (50,), "activation": "sigmoid"},
    "mnist": {"hidden_layer_sizes": (1000,), "activation": "tanh"},
    "mnist_cnn": {"layers": "mnist", "image_shape": (1, 28, 28)},
    "cifar10_cnn": {"layers": "cifar10", "image_shape": (3, 32, 32)},
}
VARIANTS = {
    "plain": {"s": 0.0},
    "shrinking": {"s": 0.2, "alpha": None},
    "smoothed": {"s": 0.2, "alpha": 0.5},
}
IN_BFLOAT16 = {
    f"{label}_bfloat16": VARIANTS[label] | {"precision": "bfloat16"}
    for label in ("plain", "shrinking")
}


def is_cnn(name: str) -> bool:
    """Return whether the net is a convolutional one."""
    return "layers" in NETS[name]


def variants(name: str) -> dict[str, dict]:
    """Return the parameters that our contestants differ in."""
    if not is_cnn(name):
        return VARIANTS
    quick = {label: VARIANTS[label] for label in ("plain", "shrinking")}
    return quick | IN_BFLOAT16 if has_bfloat16("cpu") else quick


def ours(name: str, epochs: int | None = None, **params: object) -> BaseShrinkingEstimator:
    """Return the estimator of this package."""
    setting = SETTINGS[name]
    kind = ShrinkingCNNClassifier if is_cnn(name) else ShrinkingDNNClassifier
    return kind(
        **NETS[name],
        **params,
        dropout=0.0,
        batch_norm=False,
        t=0.2,
        optimizer="sgd",
        lr=setting["lr"],
        weight_decay=0.0,
        lr_schedule=None,
        anneal=0.0,
        batch_size=BATCH_SIZE,
        max_epochs=epochs or setting["epochs"],
        device="cpu",
        random_state=0,
    )


class PlainCNN(nn.Sequential):
    """The layers of CNN as anyone writes them down, in torch's own modules."""

    def __init__(self, image_shape: tuple[int, int, int], n_outputs: int, layers: str) -> None:
        parts = CNN(image_shape, n_outputs, layers=layers).layers
        super().__init__(
            nn.Unflatten(1, image_shape),
            *(_plain(part) if isinstance(part, nn.Conv2d) else part for part in parts),
        )


def _plain(conv: nn.Conv2d) -> nn.Conv2d:
    return nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, padding=conv.padding)


def stock_skorch(name: str, n_features: int, n_classes: int) -> NeuralNetClassifier:
    """Return skorch's own classifier with its default callbacks, on all rows."""
    setting = SETTINGS[name]
    sizes = {"n_outputs": n_classes} | ({} if is_cnn(name) else {"n_inputs": n_features})
    return NeuralNetClassifier(
        PlainCNN if is_cnn(name) else MLP,
        **{f"module__{key}": value for key, value in (NETS[name] | sizes).items()},
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.SGD,
        lr=setting["lr"],
        batch_size=BATCH_SIZE,
        max_epochs=setting.get("skorch_epochs", setting["epochs"]),
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


def sklearn_mlp(name: str) -> MLPClassifier:
    """Return scikit-learn's classifier, kept from stopping early."""
    setting, net = SETTINGS[name], NETS[name]
    return MLPClassifier(
        net["hidden_layer_sizes"],
        activation={"sigmoid": "logistic"}.get(net["activation"], net["activation"]),
        solver="sgd",
        momentum=0.0,
        alpha=0.0,
        learning_rate_init=setting["lr"],
        batch_size=BATCH_SIZE,
        max_iter=setting["epochs"],
        tol=0.0,
        n_iter_no_change=setting["epochs"] + 1,
        random_state=0,
    )


def compare(name: str, repeats: int) -> dict:
    """Time the contestants in turn and return seconds, medians and ratios."""
    setting = SETTINGS[name]
    X, y, *_ = setting["data"]()
    X, y, n_classes = X.astype(np.float32), y.astype(np.int64), len(np.unique(y))
    for params in variants(name).values():
        ours(name, 1, **params).fit(X[:1000], y[:1000])  # what torch does once only
    runs = []
    for repeat in range(repeats):
        nets = {label: ours(name, **params) for label, params in variants(name).items()}
        contestants = dict(nets)
        if not is_cnn(name):
            contestants["mlp_classifier"] = sklearn_mlp(name)
        contestants["stock_skorch"] = stock_skorch(name, X.shape[1], n_classes)
        run = {}
        for label, contestant in contestants.items():
            gc.collect()  # what one has left behind is not the next one's
            run[label] = seconds(contestant.fit, X, y)
        run["stock_skorch"] *= setting["epochs"] / setting.get("skorch_epochs", setting["epochs"])
        runs.append(run | ratios(run, nets))
        print(f"{name}, run {repeat + 1}: " + show(runs[-1]), flush=True)
    result = medians(runs)
    print(f"{name}, median of {repeats}: " + show(result), flush=True)
    return {"epochs": setting["epochs"], "rows": len(y), "runs": runs, "median": result}


def ratios(run: dict[str, float], nets: dict[str, BaseShrinkingEstimator]) -> dict[str, float]:
    """Return the ratios of one run that the project promises something about."""
    visits = {label: sum(row["n_active"] for row in net.history_) for label, net in nets.items()}
    result = {}
    for label in nets:
        for rival in ("stock_skorch", "mlp_classifier"):
            if rival in run:
                result[f"{label}_vs_{rival}"] = run[rival] / run[label]
        plain = "plain_bfloat16" if label.endswith("bfloat16") else "plain"
        if label != plain:
            ideal = visits[plain] / visits[label]
            result |= {
                f"{label}_ideal_speedup": ideal,
                f"{label}_vs_{plain}": run[plain] / run[label],
                f"{label}_policy_overhead": run[label] * ideal / run[plain],
            }
    return result


def microseconds_a_batch(name: str, n_batches: int = 100, n_calls: int = 4) -> dict[str, float]:
    """Return the time of a batch by DenseStep, AutogradStep and a bare torch loop."""
    setting = SETTINGS[name]
    X, y, *_ = setting["data"]()
    n_rows, n_classes = n_batches * BATCH_SIZE, len(np.unique(y))
    x = torch.from_numpy(X[:n_rows].astype(np.float32))
    target = torch.from_numpy(y[:n_rows].astype(np.int64))
    error = torch.empty(n_rows)

    def parts(**options: bool) -> tuple[MLP, nn.Module, torch.optim.Optimizer]:
        module = MLP(X.shape[1], n_classes, **NETS[name])
        optimizer = torch.optim.SGD(module.parameters(), lr=setting["lr"], **options)
        return module, nn.CrossEntropyLoss(), optimizer

    def bare_torch() -> Callable[[], None]:
        module, criterion, optimizer = parts()

        def run() -> None:
            for some, wanted in zip(x.split(BATCH_SIZE), target.split(BATCH_SIZE), strict=True):
                optimizer.zero_grad()
                criterion(module(some), wanted).backward()
                optimizer.step()

        return run

    dense, autograd = DenseStep(*parts()), AutogradStep(*parts(fused=True))
    contestants = {
        "dense_step": lambda: dense(x, target, None, error, BATCH_SIZE),
        "autograd_step": lambda: autograd(x, target, None, error, BATCH_SIZE),
        "bare_torch": bare_torch(),
    }
    n_threads = choose_threads(step_flops(parts()[0], x[:1], BATCH_SIZE))
    with threads(n_threads):
        runs = [
            {key: seconds(action) for key, action in contestants.items()}
            for _ in range(n_calls + 1)
        ]
    result = {key: 1e6 * value / n_batches for key, value in medians(runs[1:]).items()}
    print(f"{name}, microseconds a batch of {BATCH_SIZE}: " + show(result))
    return result


def memory(name: str) -> dict[str, float]:
    """Measure the peak of one fit above the data, in a fresh process."""
    output = subprocess.run(
        [sys.executable, __file__, "--memory-of", name], check=True, capture_output=True, text=True
    ).stdout
    data, peak = map(int, output.split()[-2:])
    result = {"data_bytes": data, "peak_above_data_bytes": peak, "ratio": peak / data}
    print(f"{name}, peak memory above the data, in units of the data: {result['ratio']:.3f}")
    return result


def print_memory(name: str) -> None:
    """Print the bytes of the data and by how much the peak grew in a fit."""
    X, y, *_ = SETTINGS[name]["data"]()
    X = np.ascontiguousarray(X, dtype=np.float32)
    ours(name, 3).fit(X[:1000], y[:1000])  # what torch takes once is not the fit's
    # Loading may have peaked above what is held now; fill up to that peak, so that growth shows.
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - _resident()
    ballast = np.ones(max(0, held), dtype=np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours(name, 3).fit(X, y)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(X.nbytes + y.nbytes, (after - before) * 1024 + 0 * ballast.nbytes)


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def show(figures: dict[str, float]) -> str:
    """Return figures in one line."""
    return ", ".join(f"{key} {value:.3g}" for key, value in figures.items())


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=list(SETTINGS))
    parser.add_argument("--out")
    parser.add_argument("--memory-of", choices=list(SETTINGS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="Stochastic Optimizer")
    if arguments.memory_of:
        print_memory(arguments.memory_of)
        return
    results = {}
    for name in [arguments.only] if arguments.only else list(SETTINGS):
        results[name] = compare(name, arguments.repeats)
        if not is_cnn(name):
            results[name]["microseconds_a_batch"] = microseconds_a_batch(name)
            results[name]["memory"] = memory(name)
    save("overhead", {"batch_size": BATCH_SIZE, "seed": 0, **results}, arguments.out)


if __name__ == "__main__":
    main()
