"""Figures 2 and 5 to 10, in the paper's arrangement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._methods import METHODS, STOP_THRESHOLDS
from .._store import Record

Axes = Any
COLORS = {"all_rows": "C0", "sdl": "C1", "sdlr": "C2", "default": "C3"}


def curves(axes: Axes, records: Sequence[Record], key: str, net: str, scale: float = 1.0) -> None:
    """Draw a line a method: a number an epoch, of the first seed."""
    for method, color in COLORS.items():
        run = find(records, method)
        if run is not None and key in run:
            values = scale * np.array(run[key])
            label = label_of(method, net)
            axes.plot(np.arange(1, len(values) + 1), values, color=color, label=label, lw=1.2)
    axes.set_xlabel("epoch")


def find(records: Sequence[Record], method: str) -> Record | None:
    """Return the first seed's run of a method."""
    of_method = [run for run in records if run["settings"]["method"] == method]
    return min(of_method, key=lambda run: run["settings"]["seed"], default=None)


def label_of(method: str, net: str) -> str:
    """Return the paper's name of a method: sDNNr is the shrinking DNN with recall."""
    names = {"all_rows": net, "sdl": f"s{net}", "sdlr": f"s{net}r", "default": 'default, t="auto"'}
    return names[method]


def figure2(figure: Any, records: Sequence[Record]) -> None:
    """Sum of squared errors on 1,000 rows of MNIST."""
    axes = figure.subplots()
    curves(axes, records, "train_squared_error", "DNN")
    shrinking = find(records, "sdl")
    if shrinking is not None:
        active = np.multiply(shrinking["train_loss"], shrinking["n_active"])
        epochs = np.arange(1, len(active) + 1)
        axes.plot(epochs, active, color=COLORS["sdl"], lw=1.2, ls="--", label="sDNN, active rows")
    axes.legend(frameon=False)
    axes.set(title="1,000 rows of MNIST", ylabel="sum of squared errors (Eq. 4)", yscale="log")


def figure5(figure: Any, records: Sequence[Record]) -> None:
    """Test and training error of the DNN."""
    left, right = figure.subplots(1, 2)
    curves(left, records, "test_error", "DNN")
    left.legend(frameon=False)
    left.set(title="(a) test error", ylabel="test error", ylim=(0.01, 0.06))
    curves(right, records, "train_error", "DNN")
    right.set(title="(b) training error", ylabel="training error", ylim=(-0.001, 0.04))


def figure6(figure: Any, records: Sequence[Record]) -> None:
    """Seconds and active rows of each epoch."""
    left, right = figure.subplots(1, 2)
    curves(left, records, "duration", "DNN")
    left.set(title="(a) training time", ylabel="seconds", ylim=(0, None))
    curves(right, records, "n_active", "DNN", 1e-3)
    right.set(title="(b) active rows", ylabel="thousands of rows", ylim=(0, None))
    handles = left.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=len(COLORS), frameon=False)


def figure7(figure: Any, records: Sequence[Record]) -> None:
    """Test error with different stop thresholds."""
    left, right = figure.subplots(1, 2)
    for i, t in enumerate(STOP_THRESHOLDS):
        run = find(records, f"sdlr_t{t}")
        if run is not None:
            epochs = np.arange(1, len(run["test_error"]) + 1)
            color = f"C{i}"
            left.plot(
                epochs, run["test_error"], color=color, lw=1, label=METHODS[f"sdlr_t{t}"].label
            )
            right.plot(t, run["error"], "o", color=color)
    plain = find(records, "all_rows")
    if plain is not None:
        right.axhline(plain["error"], color="0.3", ls="--", lw=1, label="all rows")
    left.set(title="(a) test error", xlabel="epoch", ylabel="test error", ylim=(0.01, 0.06))
    right.set(title="(b) after the last epoch", xlabel="stop threshold t", ylabel="test error")
    left.legend(frameon=False, ncols=2)
    right.legend(frameon=False)


def figure8(figure: Any, record: Record) -> None:
    """Thresholds of the batches of an epoch."""
    axes = figure.subplots()
    batches = np.arange(1, len(record["threshold"]) + 1)
    axes.plot(batches, record["threshold"], color="C0", lw=1, label=r"$t_i$")
    axes.plot(batches, record["smoothed"], color="C3", lw=1.8, label=r"$t'_i$, $\alpha = 0.5$")
    title = f"MNIST, {len(batches)} batches of an epoch"
    axes.set(xlabel="batch", ylabel="threshold", title=title)
    axes.legend(frameon=False)


def figure9(figure: Any, records: Sequence[Record]) -> None:
    """Test error and training time of the DBN."""
    _error_and_time(figure, records, "DBN", 0.05)


def figure10(figure: Any, records: Sequence[Record]) -> None:
    """Test error and training time of the CNN."""
    _error_and_time(figure, records, "CNN", 0.02)


def _error_and_time(figure: Any, records: Sequence[Record], net: str, top: float) -> None:
    left, right = figure.subplots(1, 2)
    curves(left, records, "test_error", net)
    left.legend(frameon=False)
    left.set(title="(a) test error", ylabel="test error", ylim=(0.005, top))
    curves(right, records, "duration", net)
    right.set(title="(b) training time", ylabel="seconds of an epoch", ylim=(0, None))


FIGURES: dict[str, Callable[[Any, Any], None]] = {
    "figure2": figure2,
    "figure5": figure5,
    "figure6": figure6,
    "figure7": figure7,
    "figure8": figure8,
    "figure9": figure9,
    "figure10": figure10,
}
WIDE = ("figure5", "figure6", "figure7", "figure9", "figure10")
