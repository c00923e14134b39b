"""Seconds of pretraining a layer of 1000 units on MNIST, here and by scikit-learn's BernoulliRBM.

    python benchmarks/pretraining.py [--rows 60000] [--epochs 1] [--repeats 5] [--out FILE]

The same work for all: the same rows in batches of 100, the same number of epochs, one Gibbs step a
batch, a constant learning rate, no momentum, no decay, biases that begin at 0. `ours` is CD-1,
which starts its chains from the rows; `persistent` keeps them, as BernoulliRBM does; `bfloat16` is
CD-1 with ``precision="bfloat16"``. BernoulliRBM
computes in the type of its input, float32 or float64, and its own batch size is 10. Repeats are
interleaved; printed are medians, and medians of the ratios within a repeat. What was learnt is
compared on rows that were not trained on: the mean squared error of the reconstruction, and the
pseudo-log-likelihood of the thresholded images.

`products` is the limit: the time of the five matrix products of each step, and of nothing else,
by the faster of torch's libraries in float32, and in bfloat16.
"""

from __future__ import annotations

import argparse
import gc

import numpy as np
import torch
from _common import medians, mnist, save
from sklearn.neural_network import BernoulliRBM
from torch import Tensor

from sk_sdlr.estimators._precision import has_bfloat16
from sk_sdlr.experiments._fit import seconds
from sk_sdlr.modules import RBM
from sk_sdlr.policies import FullData
from sk_sdlr.training import Budget, ContrastiveDivergenceStep
from sk_sdlr.training._products import affine
from sk_sdlr.training._rows import TrainingRows

N_HIDDEN, BATCH_SIZE, LR = 1000, 100, 0.05
N_HELD_OUT = 2000


def ours(X: np.ndarray, epochs: int, **options: object) -> RBM:
    """Return a machine trained as `pretrain` does, but for what BernoulliRBM does not have."""
    x, generator = torch.from_numpy(X), torch.Generator().manual_seed(0)
    rbm = RBM(X.shape[1], N_HIDDEN, generator=generator)
    step = ContrastiveDivergenceStep(
        rbm,
        torch.optim.SGD(rbm.parameters(), lr=LR, fused=True),
        generator=generator,
        **options,
    )
    rows = TrainingRows([x, x.new_empty(len(x), 0)], BATCH_SIZE, x.dtype)
    active, budget = FullData().start(len(x)), Budget(len(x), epochs)
    while not budget.over:
        rows.visit(active, step, budget, generator)
        budget.spend(len(x))
    return rbm


def sklearn_rbm(X: np.ndarray, epochs: int, batch_size: int = BATCH_SIZE) -> RBM:
    """Return scikit-learn's machine as one of ours."""
    theirs = BernoulliRBM(
        N_HIDDEN, learning_rate=LR, batch_size=batch_size, n_iter=epochs, random_state=0
    ).fit(X)
    rbm = RBM(X.shape[1], N_HIDDEN)
    with torch.no_grad():
        rbm.weight.copy_(torch.from_numpy(theirs.components_))
        rbm.hidden_bias.copy_(torch.from_numpy(theirs.intercept_hidden_))
        rbm.visible_bias.copy_(torch.from_numpy(theirs.intercept_visible_))
    return rbm


@torch.no_grad()
def quality(rbm: RBM, x: Tensor) -> dict[str, float]:
    """Return how well a machine knows rows that it was not trained on."""
    generator = torch.Generator().manual_seed(0)
    binary = (x > 0.5).float().repeat(5, 1)
    return {
        "reconstruction_error": (rbm.visible_mean(rbm(x)) - x).square().mean().item(),
        "pseudo_log_likelihood": rbm.pseudo_log_likelihood(binary, generator).mean().item(),
    }


@torch.no_grad()
def products(n_batches: int, n_visible: int, dtype: torch.dtype) -> float:
    """Return the seconds of the matrix products of so many steps."""
    v = torch.rand(BATCH_SIZE, n_visible).to(dtype)
    h = torch.rand(BATCH_SIZE, N_HIDDEN).to(dtype)
    weight, h_t = torch.rand(N_HIDDEN, n_visible).to(dtype), h.t().contiguous()

    def step() -> None:
        affine(v, weight)
        affine(h, weight.t())
        affine(v, weight)
        affine(h_t, v.t())
        affine(h_t, v.t())

    return seconds(lambda: [step() for _ in range(n_batches)])


def run_once(X: np.ndarray, epochs: int, held_out: Tensor, with_small: bool) -> dict[str, float]:
    """Time the contestants in turn; judge what they have learnt."""
    X64, n_batches = X.astype(np.float64), epochs * -(-len(X) // BATCH_SIZE)
    contestants = {
        "ours": lambda: ours(X, epochs),
        "persistent": lambda: ours(X, epochs, persistent=True),
        "bfloat16": lambda: ours(X, epochs, autocast=torch.bfloat16),
        "sklearn_float32": lambda: sklearn_rbm(X, epochs),
        "sklearn_float64": lambda: sklearn_rbm(X64, epochs),
    }
    if not has_bfloat16("cpu"):
        del contestants["bfloat16"]
    if with_small:
        contestants["sklearn_float32_batch_10"] = lambda: sklearn_rbm(X, epochs, 10)
    run: dict[str, float] = {}
    for label, contestant in contestants.items():
        gc.collect()
        machines: list[RBM] = []
        run[label] = seconds(lambda make=contestant, into=machines: into.append(make()))
        run |= {f"{label}_{key}": value for key, value in quality(machines[0], held_out).items()}
    for label in [label for label in contestants if label.startswith("sklearn")]:
        run[f"{label}_vs_ours"] = run[label] / run["ours"]
        if "bfloat16" in run:
            run[f"{label}_vs_bfloat16"] = run[label] / run["bfloat16"]
    for dtype in (torch.float32, torch.bfloat16):
        label = f"products_{str(dtype).removeprefix('torch.')}"
        run[label] = products(n_batches, X.shape[1], dtype)
        run[f"sklearn_float32_vs_{label}"] = run["sklearn_float32"] / run[label]
    return run


def main() -> None:
    """Print and save the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=58_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out")
    options = parser.parse_args()
    X = mnist()[0].astype(np.float32)
    X = X[np.random.default_rng(0).permutation(len(X))]  # BernoulliRBM does not shuffle
    held_out, X = torch.from_numpy(X[:N_HELD_OUT]), X[N_HELD_OUT:][: options.rows]
    ours(X[:1000], 1)  # what torch does once only
    runs, small = [], {}
    for repeat in range(options.repeats):
        runs.append(run_once(X, options.epochs, held_out, with_small=not repeat))
        small |= {key: runs[-1].pop(key) for key in list(runs[-1]) if "batch_10" in key}
        print(f"run {repeat + 1}: " + show(runs[-1]), flush=True)
    result = medians(runs) | small
    print(f"median of {options.repeats}: " + show(result))
    settings = {"rows": len(X), "epochs": options.epochs, "batch_size": BATCH_SIZE, "lr": LR}
    save("pretraining", settings | {"runs": runs, "median": result}, options.out)


def show(row: dict[str, float]) -> str:
    """Return a line of numbers."""
    return ", ".join(f"{key} {value:.4g}" for key, value in row.items())


if __name__ == "__main__":
    main()
