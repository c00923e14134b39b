"""What is timed of the package's inner parts; nothing else here takes anything from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from sk_sdlr.estimators._precision import has_bfloat16
from sk_sdlr.modules import RBM
from sk_sdlr.policies import FullData
from sk_sdlr.training import AutogradStep, Budget, ContrastiveDivergenceStep, DenseStep
from sk_sdlr.training._isolation import choose_threads, step_flops, threads
from sk_sdlr.training._products import affine
from sk_sdlr.training._rows import TrainingRows

__all__ = [
    "AutogradStep",
    "DenseStep",
    "affine",
    "choose_threads",
    "dtypes",
    "step_flops",
    "threads",
    "train_rbm",
]


def dtypes() -> tuple[str, ...]:
    """Return what this machine multiplies by instructions of its own."""
    return ("float32", "bfloat16") if has_bfloat16("cpu") else ("float32",)


def train_rbm(
    X: np.ndarray, n_hidden: int, batch_size: int, lr: float, epochs: int, **options: Any
) -> RBM:
    """Return a machine trained as `pretrain` does, but for what BernoulliRBM does not have."""
    x: Tensor = torch.from_numpy(X)
    generator = torch.Generator().manual_seed(0)
    rbm = RBM(X.shape[1], n_hidden, generator=generator)
    optimizer = torch.optim.SGD(rbm.parameters(), lr=lr, fused=True)
    step = ContrastiveDivergenceStep(rbm, optimizer, generator=generator, **options)
    rows = TrainingRows([x, x.new_empty(len(x), 0)], batch_size, x.dtype)
    active, budget = FullData().start(len(x)), Budget(len(x), epochs)
    while not budget.over:
        rows.visit(active, step, budget, generator)
        budget.spend(len(x))
    return rbm
