"""Microseconds a batch of DenseStep, ChainStep, AutogradStep and a bare torch loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sk_sdlr.modules import MLP, JoinMembers, MeanOfMembers, MemberLinear, SplitMembers
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
OF_MODULE = (
    "hidden_layer_sizes",
    "activation",
    "batch_norm",
    "dropout",
    "n_members",
    "scaling",
)
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
            if step != "dense_step" or timed.net.params["optimizer"] == "sgd"
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
    params, n_classes = timed.net.params, len(np.unique(data.y))
    if timed.shares_weights:
        module = sharing(data.X.shape[1], n_classes, params)
    else:
        names = (
            "hidden_layer_sizes",
            "activation",
            "batch_norm",
            "dropout",
            "n_members",
            "scaling",
        )
        own = {name: params[name] for name in names if name in params}
        module = MLP(data.X.shape[1], n_classes, **own)
    optimizer = OPTIMIZERS[params["optimizer"]](module.parameters(), lr=timed.net.lr, **options)
    return module, nn.CrossEntropyLoss(), optimizer


def sharing(n_inputs: int, n_classes: int, params: Record) -> nn.Module:
    """Return members that differ in the factors of their inputs and in their last layer."""
    k, sizes = params["n_members"], (n_inputs, *params["hidden_layer_sizes"])
    hidden: list[nn.Module] = []
    for pair in pairwise(sizes):
        hidden += [nn.Linear(*pair), nn.ReLU(), nn.Dropout(params["dropout"])]
    last = [JoinMembers(k), MemberLinear(k, sizes[-1], n_classes), MeanOfMembers(k, "softmax")]
    return nn.Sequential(SplitMembers(k, n_inputs), *hidden, *last)


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
        output = module(x)
        criterion(output, y if output.dim() == 2 else _of_members(y, output)).backward()
        optimizer.step()


def _of_members(y: Tensor, output: Tensor) -> Tensor:
    return y.unsqueeze(1).expand(-1, output.shape[2])


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
