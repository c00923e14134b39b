"""The paper's DNN on MNIST, plain and shrinking: test error and seconds of whole runs.

    python benchmarks/mnist_dnn.py [--epochs 100] [--seeds 3] [--alpha 0.5|none] [--out FILE]

784-1000-10, tanh, sigmoid outputs, squared error, learning rate 1 falling linearly to 0, batches of
100, s = t = 0.2. All runs of a seed begin with the same weights; the errors are those of the last
epoch. `fewer` and `random` are the controls: all rows for as many row visits as shrinking made, the
schedule scaled, and random rows in sets of the same sizes.
"""

from __future__ import annotations

import argparse

import numpy as np
from _common import mnist, save, seconds

from sk_sdlr import FullData, RandomSubset, ShrinkingDNNClassifier, ShrinkRecall
from sk_sdlr.policies import Policy


def paper_dnn(policy: Policy, epochs: int, seed: int) -> ShrinkingDNNClassifier:
    """Return the paper's net."""
    return ShrinkingDNNClassifier(
        (1000,),
        activation="tanh",
        output_activation="sigmoid",
        loss="squared_error",
        dropout=0.0,
        batch_norm=False,
        policy=policy,
        optimizer="sgd",
        lr=1.0,
        lr_schedule="linear",
        anneal=0.0,
        batch_size=100,
        max_epochs=epochs,
        device="cpu",
        random_state=seed,
    )


CONTESTANTS = {
    "plain": lambda policy: FullData(),
    "shrinking": lambda policy: policy,
    "fewer": lambda policy: FullData(),
    "random": RandomSubset,
}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--alpha", default="0.5")
    parser.add_argument("--out")
    arguments = parser.parse_args()
    alpha = None if arguments.alpha == "none" else float(arguments.alpha)
    policy = ShrinkRecall(s=0.2, t=0.2, alpha=alpha)
    X, y, X_test, y_test = mnist()
    paper_dnn(policy, 1, 0).fit(X[:1000], y[:1000])  # what torch does once only
    runs = []
    for seed in range(arguments.seeds):
        run: dict[str, float] = {"seed": seed}
        for label, of in CONTESTANTS.items():
            net = paper_dnn(of(policy), arguments.epochs, seed)
            if label == "fewer":
                net.set_params(max_visits=run["shrinking_visits"] / len(y))
            run[f"{label}_seconds"] = seconds(net.fit, X, y)
            run[f"{label}_error"] = float(np.mean(net.predict(X_test) != y_test))
            run[f"{label}_visits"] = sum(row["n_active"] for row in net.history_)
        run["last_n_active"] = net.history_[-1]["n_active"]
        run["time_ratio"] = run["shrinking_seconds"] / run["plain_seconds"]
        run["ideal_speedup"] = run["plain_visits"] / run["shrinking_visits"]
        runs.append(run)
        print(", ".join(f"{key} {value:.5g}" for key, value in run.items()), flush=True)
    save("mnist_dnn", {"epochs": arguments.epochs, "alpha": alpha, "runs": runs}, arguments.out)


if __name__ == "__main__":
    main()
