"""
Shrinking against plain training, stock skorch and MLPClassifier
================================================================

The same net is trained four times on each of two sets: scikit-learn's digits, and a generated
table of 50,000 rows. Plain and shrinking are the same estimator with ``s=0`` and ``s=0.2``; stock
skorch and scikit-learn's MLPClassifier train all rows, with the same layers, optimiser, initial
learning rate, batch size and number of epochs. The digits make fewer than 25 batches, so there
``t="auto"`` leaves no rows out. All figures are of this run, on this machine.
"""

# %%
# The two sets and the four nets
# ------------------------------

from __future__ import annotations

import warnings
from pathlib import Path
from time import perf_counter

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from tqdm import tqdm

from sk_sdlr import ShrinkingDNNClassifier
from sk_sdlr.modules import MLP

EPOCHS = {"digits": 60, "table": 27}
HIDDEN, LR, BATCH_SIZE = (100,), 0.003, 100


def load(name):
    """Return X, X_test, y, y_test; features have mean 0 and standard deviation 1."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
    else:
        X, y = make_classification(
            60_000, 20, n_informative=10, n_classes=3, class_sep=1.5, random_state=0
        )
    X, X_test, y, y_test = train_test_split(X, y, test_size=1 / 6, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X).astype("f"), scaler.transform(X_test).astype("f"), y, y_test


def ours(name, s, callbacks):
    return ShrinkingDNNClassifier(
        HIDDEN,
        activation="relu",
        dropout=0,
        batch_norm=False,
        s=s,
        optimizer="adam",
        lr=LR,
        lr_schedule="linear",
        full_at_end=0.1,
        batch_size=BATCH_SIZE,
        max_epochs=EPOCHS[name],
        device="cpu",
        callbacks=callbacks,
        random_state=0,
    )


def stock_skorch(name, X, y, callbacks):
    return NeuralNetClassifier(
        MLP,
        module__n_inputs=X.shape[1],
        module__n_outputs=len(np.unique(y)),
        module__hidden_layer_sizes=HIDDEN,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LR,
        batch_size=BATCH_SIZE,
        max_epochs=EPOCHS[name],
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=callbacks,
        verbose=0,
    )


def mlp_classifier(name):
    return MLPClassifier(
        HIDDEN,
        alpha=0,
        learning_rate_init=LR,
        batch_size=BATCH_SIZE,
        max_iter=EPOCHS[name],
        tol=0,
        n_iter_no_change=EPOCHS[name],
        random_state=0,
    )


# %%
# A callback follows a fit
# ------------------------
# It moves the progress bar and notes the test error after each epoch, off the clock: the time of
# an epoch is in ``history_``.


class Follow(Callback):
    """Move the bar; note the test error if there is test data."""

    def __init__(self, bar, X_test=None, y_test=None):
        self.bar, self.X_test, self.y_test = bar, X_test, y_test
        self.test_error = []

    def on_epoch_end(self, net, **kwargs):
        self.bar.update()
        if self.X_test is not None:
            best = net.forward(self.X_test).argmax(1).numpy()
            self.test_error.append(np.mean(best != self.y_test))


def run(name, bar):
    """Train the four; return a row of the table for each, and the two curves."""
    X, X_test, y, y_test = load(name)
    rows, curves = {}, {}
    ours(name, 0.2, []).set_params(max_epochs=1).fit(X, y)  # what torch does once only
    for label, s in (("plain (s=0)", 0.0), ("shrinking (s=0.2)", 0.2)):
        net = ours(name, s, [Follow(bar)])
        seconds = timed(net, X, y)
        visits = sum(row["n_active"] for row in net.history_)
        rows[label] = [1 - net.score(X_test, y_test), seconds, visits]
        followed = Follow(tqdm(disable=True), X_test, y_test)
        net = ours(name, s, [followed]).fit(X, y)
        curves[label] = (
            np.cumsum([row["duration"] for row in net.history_]),
            [row["n_active"] for row in net.history_],
            followed.test_error,
        )
    for label, net in (
        ("stock skorch", stock_skorch(name, X, y, [Follow(bar)])),
        ("MLPClassifier", mlp_classifier(name)),
    ):
        rows[label] = [None, timed(net, X, y), len(y) * EPOCHS[name]]
        rows[label][0] = 1 - net.score(X_test, y_test)
    bar.update(EPOCHS[name])  # MLPClassifier has no callbacks
    return rows, curves


def timed(net, X, y):
    began = perf_counter()
    net.fit(X, y)
    return perf_counter() - began


# %%
# One table
# ---------
# The ideal speed-up is the ratio of the rows visited: what would be gained if nothing but visiting
# rows took time.


def print_table(results):
    print(
        f"\n{'':8}{'':18}{'test error':>10}{'seconds':>9}{'rows visited':>14}"
        f"{'vs plain':>10}{'vs skorch':>11}{'vs MLPClassifier':>18}{'ideal':>7}"
    )
    for name, (rows, _) in results.items():
        plain, *_ = rows.values()
        for label, (error, seconds, visits) in rows.items():
            others = (rows[other][1] / seconds for other in (*rows,) if "s=0.2" not in other)
            speedups = "".join(f"{x:{w}.2f}x" for x, w in zip(others, (9, 10, 17), strict=True))
            print(
                f"{name:8}{label:18}{error:10.4f}{seconds:9.2f}{visits:14,}"
                f"{speedups}{plain[2] / visits:7.2f}"
            )
    print(f"Epochs: {', '.join(f'{name} {n}' for name, n in EPOCHS.items())}.")


# %%
# One picture
# -----------


def draw(curves):
    figure, axes = plt.subplots(2, 2, figsize=(9, 6), sharex="col", layout="constrained")
    for (active, error), (name, of) in zip(axes.T, curves.items(), strict=True):
        for label, (seconds, n_active, test_error) in of.items():
            active.step(seconds, n_active, where="pre", label=label)
            error.semilogy(seconds, test_error, label=label)
        active.set(title=name, ylabel="active rows", ylim=(0, None))
        error.set(xlabel="seconds of training", ylabel="test error")
    figure.legend(*active.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


# %%
# The run
# -------


def main():
    with warnings.catch_warnings():
        # As many epochs as the others is all that is asked of MLPClassifier.
        warnings.simplefilter("ignore", ConvergenceWarning)
        torch.manual_seed(0)  # stock skorch has no random_state
        with tqdm(total=4 * sum(EPOCHS.values()), unit="epoch", desc="training") as bar:
            results = {name: run(name, bar) for name in EPOCHS}
    print_table(results)
    figure = draw({name: curves for name, (_, curves) in results.items()})
    figure.savefig("demo.png", dpi=120)
    print(f"\npicture: {Path('demo.png').resolve()}")


if __name__ == "__main__":
    main()
