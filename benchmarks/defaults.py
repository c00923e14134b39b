"""What a stranger gets without tuning: the default classifier on HIGGS and on digits.

    python benchmarks/defaults.py [--seeds 3] [--out FILE]

HIGGS with 28 features, 50,000 rows to train on and the rest to test on, after StandardScaler, next
to HistGradientBoostingClassifier and MLPClassifier with their defaults; digits, a quarter of them
to test on. Also the two controls: the same net on all rows for as many epochs, and for as many row
visits as the default made.
"""

from __future__ import annotations

import argparse
from statistics import mean, stdev

import numpy as np
from _common import higgs, save
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sk_sdlr import ShrinkingDNNClassifier
from sk_sdlr.experiments._fit import seconds


def digits() -> tuple[np.ndarray, ...]:
    """Return X, y, X_test, y_test of scikit-learn's digits."""
    X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    return X, y, X_test, y_test


def run(data: tuple[np.ndarray, ...], seed: int, slow_peers: bool) -> dict[str, dict[str, float]]:
    """Return test error, seconds and row visits of each contestant."""
    ours = ShrinkingDNNClassifier(random_state=seed)
    figures = {"default": score(ours, data)}
    visits = sum(row["n_active"] for row in ours.history_) / len(data[1])
    figures["default"]["visits"] = visits
    figures["all rows, as many epochs"] = score(
        ShrinkingDNNClassifier(s=0, random_state=seed), data
    )
    figures["all rows, as many visits"] = score(
        ShrinkingDNNClassifier(s=0, max_visits=visits, random_state=seed), data
    )
    figures["HistGradientBoosting"] = score(HistGradientBoostingClassifier(random_state=seed), data)
    if slow_peers:
        figures["MLPClassifier"] = score(MLPClassifier(random_state=seed), data)
    return figures


def score(estimator: object, data: tuple[np.ndarray, ...]) -> dict[str, float]:
    """Return test error and seconds."""
    X, y, X_test, y_test = data
    model = make_pipeline(StandardScaler(), estimator)
    return {"seconds": seconds(model.fit, X, y), "error": 1 - model.score(X_test, y_test)}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    results = {}
    for name, data in (("digits", digits()), ("higgs28", higgs("all"))):
        runs = [run(data, seed, slow_peers=name == "digits") for seed in range(arguments.seeds)]
        results[name] = runs
        for label in runs[0]:
            errors = [one[label]["error"] for one in runs]
            spread = stdev(errors) if len(errors) > 1 else 0.0
            took = mean(one[label]["seconds"] for one in runs)
            print(f"{name:8} {label:26} error {mean(errors):.4f} ± {spread:.4f}  {took:6.1f} s")
    save("defaults", {"seeds": arguments.seeds, **results}, arguments.out)


if __name__ == "__main__":
    main()
