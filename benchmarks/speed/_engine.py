"""What is timed of the package's inner parts; nothing else in this folder takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sk_sdlr.estimators._dtypes import has_bfloat16
from sk_sdlr.modules import RBM
from sk_sdlr.runs import Run, TrainingData, TrainingSettings
from sk_sdlr.runs._threads import choose_threads, step_flops, threads
from sk_sdlr.steps import Objective
from sk_sdlr.steps._autograd import AutogradStep
from sk_sdlr.steps._bfloat16 import HAS_SWITCH
from sk_sdlr.steps._contrastive_divergence import ContrastiveDivergenceStep
from sk_sdlr.steps._dense import DenseStep
from sk_sdlr.steps._matmul import affine
from sk_sdlr.steps._step import Batches
from sk_sdlr.steps.chain._chain import ChainStep

__all__ = [
    "HAS_SWITCH",
    "AutogradStep",
    "Batches",
    "ChainStep",
    "DenseStep",
    "affine",
    "choose_threads",
    "dtypes",
    "step_flops",
    "threads",
    "train_rbm",
]


def dtypes() -> tuple[str, ...]:
    """Return what convolutions have instructions of their own for on this machine."""
    return ("float32", "bfloat16") if has_bfloat16("cpu") else ("float32",)


def train_rbm(
    X: np.ndarray,
    n_hidden: int,
    batch_size: int,
    lr: float,
    epochs: int,
    *,
    fp32_precision: str | None = None,
    **options: Any,
) -> RBM:
    """Return a machine trained as `pretrain` does, but for what BernoulliRBM does not have."""
    x: Tensor = torch.from_numpy(X)
    generator = torch.Generator().manual_seed(0)
    rbm = RBM(X.shape[1], n_hidden, generator=generator)
    optimizer = torch.optim.SGD(rbm.parameters(), lr=lr, fused=True)
    objective = Objective(nn.MSELoss(), bounded_outputs=True)
    step = ContrastiveDivergenceStep(rbm, objective, optimizer, generator=generator, **options)
    data = TrainingData(x, x.new_empty(len(x), 0))  # there are no targets
    settings = TrainingSettings(
        max_epochs=epochs, batch_size=batch_size, fp32_precision=fp32_precision
    )
    list(Run(rbm, objective, optimizer, data, settings, generator=generator, step=step))
    return rbm
