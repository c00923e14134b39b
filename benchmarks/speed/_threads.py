"""From which size of a step on a second torch thread pays; sets FLOPS_FOR_THREADS."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import torch
from tabulate import tabulate
from torch import nn

from sk_sdlr.modules import MLP
from sk_sdlr.steps import Objective

from .._runs import make_missing, seconds
from .._store import Record, RunStore
from ._engine import AutogradStep, Batches, DenseStep, threads

N_FEATURES, N_CLASSES, N_STEPS = 64, 10, 100
HIDDEN, BATCH_SIZES = (32, 64, 128, 256, 512, 1024), (32, 128, 512)
STEPS: dict[str, Any] = {"dense_step": DenseStep, "autograd_step": AutogradStep}


def measure(store: RunStore, nets: list[str], repeats: int, data_home: Path | None) -> None:
    """Make the measurements that are not on disk yet; the nets are its own."""
    many = max(2, torch.get_num_threads())
    wanted = [
        {"step": step, "hidden": hidden, "batch_size": batch_size, "n_threads": n_threads}
        for hidden, batch_size, step, n_threads in product(HIDDEN, BATCH_SIZES, STEPS, (1, many))
    ]
    make_missing(store, wanted, run, title="threads")


def run(settings: Record) -> Record:
    """Return the microseconds of a step, and its size."""
    size = settings["batch_size"]
    module = MLP(N_FEATURES, N_CLASSES, hidden_layer_sizes=(settings["hidden"],) * 2)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    step = STEPS[settings["step"]](module, Objective(nn.CrossEntropyLoss()), optimizer)
    x, y = torch.randn(size, N_FEATURES), torch.randint(N_CLASSES, (size,))
    batches = Batches(x, y, torch.empty(size), size)
    with threads(settings["n_threads"]):
        took = [seconds(lambda: [step(batches) for _ in range(N_STEPS)]) for _ in range(4)]
    flops = 6 * size * sum(p.numel() for p in module.parameters())
    return {"flops": flops, "microseconds": 1e6 * median(took[1:]) / N_STEPS}


def tables(store: RunStore, nets: list[str]) -> Iterator[str]:
    """Yield a table of one thread's microseconds, and of what more threads gain."""
    rows = []
    for record in store:
        settings = record["settings"]
        if settings["n_threads"] == 1:
            others = [r for r in store if r["settings"] | {"n_threads": 1} == settings]
            gain = record["microseconds"] / others[-1]["microseconds"]
            shown = settings["step"], settings["hidden"], settings["batch_size"]
            rows.append([*shown, record["flops"], record["microseconds"], gain])
    columns = ["step", "hidden", "batch size", "flops", "microseconds", "gain"]
    yield tabulate(rows, columns, tablefmt="github", floatfmt=".3g")
