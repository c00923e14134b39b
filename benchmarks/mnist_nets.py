"""The paper's nets on MNIST, plain and shrinking: test error and seconds of whole runs.

    python benchmarks/mnist_nets.py [--net dnn|dbn|cnn] [--epochs N] [--seeds 3]
                                    [--contestants plain,shrinking,fewer,random]
                                    [--alpha 0.5|none] [--precision float32] [--out FILE]

`dnn`: 784-1000-10, tanh, sigmoid outputs, squared error, learning rate 1, 100 epochs. `dbn`: the
same with sigmoid hidden units, pretrained for 10 epochs, learning rate 3. `cnn`: the preset
"mnist", cross-entropy, learning rate 0.05, momentum 0.9, 19 epochs. All: batches of 100, rates that
fall linearly to 0, s = t = 0.2, so that all rows are active in the last epoch. All runs of a seed
begin with the same weights; the errors are those of the last epoch. `fewer` and `random` are the
controls: all rows for as many row visits as shrinking made, the schedule scaled, and random rows in
sets of the same sizes. The learning rates of `dbn` and `cnn` were chosen on training rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from _common import mnist, save, seconds

from sk_sdlr import (
    FullData,
    RandomSubset,
    ShrinkingCNNClassifier,
    ShrinkingDBNClassifier,
    ShrinkingDNNClassifier,
    ShrinkRecall,
)
from sk_sdlr.estimators._base import BaseShrinkingEstimator

SQUARED = {"loss": "squared_error", "output_activation": "sigmoid"}
NETS: dict[str, tuple[Callable[..., BaseShrinkingEstimator], int, dict]] = {
    "dnn": (
        ShrinkingDNNClassifier,
        100,
        SQUARED
        | {"hidden_layer_sizes": (1000,), "activation": "tanh", "batch_norm": False, "lr": 1.0},
    ),
    "dbn": (
        ShrinkingDBNClassifier,
        100,
        SQUARED | {"hidden_layer_sizes": (1000,), "pretrain_epochs": 10, "lr": 3.0},
    ),
    "cnn": (
        ShrinkingCNNClassifier,
        19,
        {"layers": "mnist", "batch_norm": False, "lr": 0.05, "momentum": 0.9},
    ),
}
COMMON = {
    "dropout": 0.0,
    "optimizer": "sgd",
    "lr_schedule": "linear",
    "anneal": 0.0,
    "batch_size": 100,
    "device": "cpu",
}
CONTESTANTS = {
    "plain": lambda policy: FullData(),
    "shrinking": lambda policy: policy,
    "fewer": lambda policy: FullData(),
    "random": RandomSubset,
}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--net", choices=list(NETS), default="dnn")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--contestants", default=",".join(CONTESTANTS))
    parser.add_argument("--alpha", default="0.5")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--out")
    options = parser.parse_args()
    alpha = None if options.alpha == "none" else float(options.alpha)
    policy = ShrinkRecall(s=0.2, t=0.2, alpha=alpha)
    kind, epochs, params = NETS[options.net]
    params = params | COMMON | {"precision": options.precision}
    params["max_epochs"] = options.epochs or epochs
    X, y, X_test, y_test = mnist()
    kind(**params | {"max_epochs": 1}).fit(X[:1000], y[:1000])  # what torch does once only
    runs = []
    for seed in range(options.seeds):
        run: dict[str, float] = {"seed": seed}
        for label in options.contestants.split(","):
            net = kind(**params, policy=CONTESTANTS[label](policy), random_state=seed)
            if label == "fewer":
                net.set_params(max_visits=run["shrinking_visits"] / len(y))
            run[f"{label}_seconds"] = seconds(net.fit, X, y)
            run[f"{label}_error"] = float(np.mean(net.predict(X_test) != y_test))
            run[f"{label}_visits"] = sum(row["n_active"] for row in net.history_)
            run["last_n_active"] = net.history_[-1]["n_active"]
        if "plain_seconds" in run and "shrinking_seconds" in run:
            run["time_ratio"] = run["shrinking_seconds"] / run["plain_seconds"]
            run["ideal_speedup"] = run["plain_visits"] / run["shrinking_visits"]
        runs.append(run)
        print(", ".join(f"{key} {value:.5g}" for key, value in run.items()), flush=True)
    settings = {"epochs": params["max_epochs"], "alpha": alpha, "precision": options.precision}
    save(f"mnist_{options.net}", settings | {"runs": runs}, options.out)


if __name__ == "__main__":
    main()
