"""Seconds of pretraining a layer of 1000 units on MNIST, here and by scikit-learn's BernoulliRBM.

The same work for all: the same rows in batches of 100, an epoch, one Gibbs step a batch, a constant
learning rate, no momentum, no decay, biases that begin at 0. `ours` is CD-1, which starts its
chains from the rows; `persistent` keeps them, as BernoulliRBM does, which computes in the type of
its input. What was learnt is compared on rows that were not trained on: the mean squared error of
the reconstruction, and the pseudo-log-likelihood of the thresholded images. `products` is the
limit: the time of the five matrix products of each step, and of nothing else.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.neural_network import BernoulliRBM
from torch import Tensor

from sk_sdlr.modules import RBM

from .._paired import Column, of, paired_table, speedup
from .._runs import make_missing, seconds
from .._store import Record, RunStore
from ..data import load_or_generate
from ._engine import HAS_SWITCH, affine, train_rbm

N_HIDDEN, BATCH_SIZE, LR, EPOCHS = 1000, 100, 0.05, 1
N_HELD_OUT = 2000


def measure(store: RunStore, nets: list[str], repeats: int, data_home: Path | None) -> None:
    """Make the measurements that are not on disk yet, on MNIST."""
    X = load_or_generate("mnist", data_home).X.astype(np.float32)
    X = X[np.random.default_rng(0).permutation(len(X))]  # BernoulliRBM does not shuffle
    held_out, X = torch.from_numpy(X[:N_HELD_OUT]), X[N_HELD_OUT:]
    same = {"rows": len(X), "epochs": EPOCHS}
    wanted = [
        {"rbm": rbm} | same | {"seed": repeat} for repeat in range(repeats) for rbm in rbms(X)
    ]
    make_missing(
        store, wanted, partial(run, X, held_out), before=lambda: ours(X[:1000]), title="pretraining"
    )


def rbms(X: np.ndarray) -> dict[str, Callable[[], RBM | None]]:
    """Return what is timed, by name; products have no machine."""
    made: dict[str, Callable[[], RBM | None]] = {
        "ours": lambda: ours(X),
        "persistent": lambda: ours(X, persistent=True),
        "bfloat16": lambda: ours(X, fp32_precision="bf16"),
        "sklearn_float32": lambda: sklearn_rbm(X),
        "sklearn_float64": lambda: sklearn_rbm(X.astype(np.float64)),
        "products_float32": lambda: products(X, torch.float32),
        "products_bfloat16": lambda: products(X, torch.bfloat16),
    }
    if not HAS_SWITCH:
        del made["bfloat16"]
    return made


def run(X: np.ndarray, held_out: Tensor, settings: Record) -> Record:
    """Return seconds, and how well a machine knows rows that it was not trained on."""
    gc.collect()
    machines: list[RBM | None] = []
    make = rbms(X)[settings["rbm"]]
    took = seconds(lambda: machines.append(make()))
    return {"seconds": took} | ({} if machines[0] is None else quality(machines[0], held_out))


def ours(X: np.ndarray, **options: Any) -> RBM:
    """Return this package's machine."""
    return train_rbm(X, N_HIDDEN, BATCH_SIZE, LR, EPOCHS, **options)


def sklearn_rbm(X: np.ndarray) -> RBM:
    """Return scikit-learn's machine as one of ours."""
    theirs = BernoulliRBM(
        N_HIDDEN, learning_rate=LR, batch_size=BATCH_SIZE, n_iter=EPOCHS, random_state=0
    ).fit(X)
    rbm = RBM(X.shape[1], N_HIDDEN)
    with torch.no_grad():
        rbm.weight.copy_(torch.from_numpy(theirs.components_))
        rbm.hidden_bias.copy_(torch.from_numpy(theirs.intercept_hidden_))
        rbm.visible_bias.copy_(torch.from_numpy(theirs.intercept_visible_))
    return rbm


@torch.no_grad()
def products(X: np.ndarray, dtype: torch.dtype) -> None:
    """Make the matrix products of all steps, by the faster of torch's libraries."""
    v = torch.rand(BATCH_SIZE, X.shape[1]).to(dtype)
    h = torch.rand(BATCH_SIZE, N_HIDDEN).to(dtype)
    weight, h_t = torch.rand(N_HIDDEN, X.shape[1]).to(dtype), h.t().contiguous()
    for _ in range(EPOCHS * -(-len(X) // BATCH_SIZE)):
        affine(v, weight)
        affine(h, weight.t())
        affine(v, weight)
        affine(h_t, v.t())
        affine(h_t, v.t())


@torch.no_grad()
def quality(rbm: RBM, x: Tensor) -> dict[str, float]:
    """Return the error of the reconstruction and the pseudo-log-likelihood."""
    generator = torch.Generator().manual_seed(0)
    binary = (x > 0.5).float().repeat(5, 1)
    return {
        "reconstruction_error": (rbm.visible_mean(rbm(x)) - x).square().mean().item(),
        "pseudo_log_likelihood": rbm.pseudo_log_likelihood(binary, generator).mean().item(),
    }


def tables(store: RunStore, nets: list[str]) -> Iterator[str]:
    """Yield the table; ratios are to ours."""
    yield f"**pretraining**\n\n{paired_table(store, 'ours', COLUMNS, key='rbm')}"


def known(key: str, form: str) -> Column:
    """Return a column of medians, empty for what has no machine."""
    shown = of(key, form)
    return lambda runs, control: (
        shown(runs, control) if all(key in r for r in runs.values()) else ""
    )


COLUMNS: dict[str, Column] = {
    "seconds": of("seconds", ".3g"),
    "times as fast as ours": speedup,
    "reconstruction error": known("reconstruction_error", ".4f"),
    "pseudo-log-likelihood": known("pseudo_log_likelihood", ".1f"),
}
