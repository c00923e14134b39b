"""
When rows come back: all rows, t=0.2 and t="auto"
=================================================

A fixed stop threshold shrinks as deep on noise as on anything else; ``t="auto"`` shrinks only
while there are easy rows. Here both are compared with ordinary training, on a generated table with
its true classes and on the same table with a fifth of them wrong, as if classes overlapped. Net,
optimiser, fall of the learning rate and row visits are the same for all three.
"""

# %%
# Two sets and three rules
# ------------------------
# With a random class for 40 % of the rows, a fifth of all have the wrong one, in the test rows
# too: there nobody makes fewer than 20 % errors.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MultipleLocator, PercentFormatter
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from sk_sdlr import ShrinkingDNNClassifier

SETS = {"true labels": 0.0, "a fifth mislabelled": 0.4}
RULES = {"all rows": {"s": 0.0}, "t=0.2": {"t": 0.2}, 't="auto"': {"t": "auto"}}
RUN = {"visits": 20, "seeds": 4}


def load(share_random):
    """Return X, X_test, y, y_test; features have mean 0 and standard deviation 1."""
    X, y = make_classification(
        16_000,
        20,
        n_informative=10,
        n_clusters_per_class=8,
        class_sep=2.0,
        flip_y=share_random,
        random_state=0,
    )
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X).astype("f"), scaler.transform(X_test).astype("f"), y, y_test


# %%
# A callback scores the net after each epoch
# ------------------------------------------
# The learning rate falls to 0 over the visits, in the same way for all, so at equal visits all runs
# have the same rate. Only the ends of the curves are finished nets: a run with half the visits has
# a lower rate halfway, and may end lower than these curves are there.


class Follow(Callback):
    """Note the test error after each epoch."""

    def __init__(self, X_test, y_test):
        self.X_test, self.y_test = X_test, y_test
        self.errors = []

    def on_epoch_end(self, net, **kwargs):
        self.errors.append(np.mean(net.forward(self.X_test).argmax(1).numpy() != self.y_test))


def run(data, rule, seed):
    """Return the share of the rows visited in each epoch, and the test error after it."""
    X, X_test, y, y_test = data
    follow = Follow(X_test, y_test)
    net = ShrinkingDNNClassifier(
        (100,),
        activation="relu",
        dropout=0,
        batch_norm=False,
        lr=0.003,
        batch_size=64,
        max_passes=RUN["visits"],
        device="cpu",
        callbacks=[follow],
        random_state=seed,
        **rule,
    ).fit(X, y)
    return np.array([row["n_active"] for row in net.history_]) / len(y), np.array(follow.errors)


def whole_epochs(shares):
    """Return the shares without that of a last epoch which the budget of visits cut short."""
    return shares[:-1] if shares[-1] < 1 else shares  # runs end on all rows


# %%
# One table
# ---------
# Differences to all rows are between runs that began with the same weights.


def print_table(results):
    print(
        f"{'':20}{'':10}{'test error':>17}{'minus all rows':>20}{'epochs':>8}{'smallest set':>14}"
    )
    for name, of_rule in results.items():
        ordinary = np.array([errors[-1] for _, errors in of_rule["all rows"]])
        for rule, runs in of_rule.items():
            last = np.array([errors[-1] for _, errors in runs])
            difference = last - ordinary
            epochs = np.mean([len(shares) for shares, _ in runs])
            smallest = np.mean([whole_epochs(shares).min() for shares, _ in runs])
            print(
                f"{name:20}{rule:10}{last.mean():8.4f} ± {last.std(ddof=1):.4f}"
                f"{difference.mean():+11.4f} ± {difference.std(ddof=1):.4f}"
                f"{epochs:8.0f}{smallest:14.1%}"
            )
    print(f"Mean ± standard deviation of {RUN['seeds']} seeds, {RUN['visits']} visits a row each.")


# %%
# One picture
# -----------
# Left: the active sets of the first seed. Right: test errors, in thick lines the means over the
# seeds, in thin ones the single seeds.

STYLES = {
    "all rows": {"color": "0.6", "linewidth": 6},
    "t=0.2": {"color": "#D55E00", "linestyle": (0, (4, 1))},
    't="auto"': {"color": "#0072B2"},
}


def draw(results):
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.4), sharex="col", layout="constrained")
    for (active, error), (name, of_rule) in zip(axes, results.items(), strict=True):
        for rule, runs in of_rule.items():
            style = {"linewidth": 2} | STYLES[rule]
            shares = whole_epochs(runs[0][0])
            active.step(np.arange(len(shares)) + 1, shares, where="mid", label=rule, **style)
            draw_errors(error, runs, style)
        active.set(title=name, ylabel="active rows / all rows", ylim=(0, 1.05))
        error.set(title=name, ylabel="test error", xlim=(0, RUN["visits"]))
        for of, step in ((active.yaxis, 0.25), (error.xaxis, 5)):
            of.set_major_locator(MultipleLocator(step))
        for of in (active, error):
            of.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    active.set_xlabel("epoch")
    error.set_xlabel("row visits / rows")
    figure.legend(*active.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def draw_errors(axes, runs, style):
    """Draw the errors over the visits; seeds differ in their visits, so between two epochs."""
    visits = np.linspace(1, RUN["visits"], 400)
    each = [np.interp(visits, np.cumsum(shares), errors) for shares, errors in runs]
    for errors in each:
        axes.plot(visits, errors, color=style["color"], linewidth=0.6, alpha=0.6)
    axes.plot(visits, np.mean(each, axis=0), **style)


# %%
# The run
# -------


def main():
    results = {}
    for name, share_random in SETS.items():
        data = load(share_random)
        results[name] = {
            label: [run(data, rule, seed) for seed in range(RUN["seeds"])]
            for label, rule in RULES.items()
        }
    print_table(results)
    draw(results)
    plt.show()


if __name__ == "__main__":
    main()
