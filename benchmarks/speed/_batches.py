"""Microseconds a batch of DenseStep, ChainStep, AutogradStep and a bare torch loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sk_sdlr.modules import MLP
from sk_sdlr.steps import Objective

from .._paired import of, paired_table, ratio
from .._runs import make_missing, seconds
from .._store import Record, RunStore
from ..data import Split, load_or_generate
from ._engine import (
    AutogradStep,
    Batches,
    ChainStep,
    DenseStep,
    choose_threads,
    step_flops,
    threads,
)
from ._settings import TIMED, Timed

STEPS = ("dense_step", "chain_step", "autograd_step", "bare_torch")
KINDS: dict[str, Any] = {
    "dense_step": DenseStep,
    "chain_step": ChainStep,
    "autograd_step": AutogradStep,
}
OPTIMIZERS = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}
N_BATCHES, N_CALLS = 100, 4


def measure(store: RunStore, nets: list[str], repeats: int, data_home: Path | None) -> None:
    """Make the measurements of perceptrons that are not on disk yet."""
    for name in nets:
        timed = TIMED[name]
        size = timed.net.params["batch_size"]
        wanted = [
            {"net": name, "step": step, "batch_size": size, "seed": repeat}
            for repeat in range(repeats)
            for step in STEPS
            if step != "dense_step" or not timed.net.params["batch_norm"]
        ]
        if not timed.is_cnn and store.missing(wanted):
            data = load_or_generate(timed.dataset, data_home)
            make_missing(store, wanted, partial(run, timed, data), title=name)


def run(timed: Timed, data: Split, settings: Record) -> Record:
    """Return the microseconds of a batch: the median of some calls, after one that is not timed."""
    size = settings["batch_size"]
    x = torch.from_numpy(data.X[: N_BATCHES * size].astype(np.float32))
    y = torch.from_numpy(data.y[: N_BATCHES * size].astype(np.int64))
    is_plain_sgd = timed.net.params["optimizer"] == "sgd"
    options = {"fused": True} if settings["step"] == "autograd_step" or not is_plain_sgd else {}
    parts = parts_of(timed, data, **options)
    action = action_of(settings["step"], parts, x, y, size)
    with threads(choose_threads(step_flops(parts[0], x[:1], size))):
        took = [seconds(action) for _ in range(N_CALLS + 1)]
    return {"microseconds": 1e6 * median(took[1:]) * size / len(x)}


def parts_of(timed: Timed, data: Split, **options: Any) -> tuple[nn.Module, nn.Module, Any]:
    """Return module, criterion and optimiser."""
    params = timed.net.params
    sizes, activation = params["hidden_layer_sizes"], params["activation"]
    n_classes = len(np.unique(data.y))
    module = MLP(
        data.X.shape[1],
        n_classes,
        hidden_layer_sizes=sizes,
        activation=activation,
        batch_norm=params["batch_norm"],
        dropout=params["dropout"],
    )
    optimizer = OPTIMIZERS[params["optimizer"]](module.parameters(), lr=timed.net.lr, **options)
    return module, nn.CrossEntropyLoss(), optimizer


def action_of(
    step: str, parts: tuple[nn.Module, nn.Module, Any], x: Tensor, y: Tensor, batch_size: int
) -> Callable[[], object]:
    """Return what is timed: an epoch on the rows."""
    if step == "bare_torch":
        return partial(bare_torch, *parts, x.split(batch_size), y.split(batch_size))
    module, criterion, optimizer = parts
    batches = Batches(x, y, torch.empty(len(x)), batch_size)
    return partial(KINDS[step](module, Objective(criterion), optimizer), batches)


def bare_torch(module: nn.Module, criterion: nn.Module, optimizer: Any, X: Any, Y: Any) -> None:
    """Train as anyone writes it down."""
    for x, y in zip(X, Y, strict=True):
        optimizer.zero_grad()
        criterion(module(x), y).backward()
        optimizer.step()


def tables(store: RunStore, nets: list[str]) -> Iterator[str]:
    """Yield a table for each net."""
    for name in nets:
        runs = [record for record in store if record["settings"]["net"] == name]
        if runs:
            yield f"**{name}**\n\n{paired_table(runs, 'bare_torch', COLUMNS, key='step')}"


COLUMNS = {
    "microseconds a batch": of("microseconds", ".4g"),
    "times bare torch": lambda runs, control: ratio(
        runs, control, lambda run, other: other["microseconds"] / run["microseconds"]
    ),
}
