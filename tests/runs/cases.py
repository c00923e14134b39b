"""Runs of every kind, small, for tests of what must hold for all of them.

A case makes a run from nothing but its name, so that another process makes the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, ReduceLROnPlateau, StepLR

from sk_sdlr import (
    AutoRecall,
    InfoBatch,
    RandomSubset,
    SelectiveBackprop,
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingCNNRegressor,
    ShrinkingDBNClassifier,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    ShrinkRecall,
)
from sk_sdlr.modules import RBM
from sk_sdlr.policies import POLICIES
from sk_sdlr.runs import Run, TrainingSettings
from sk_sdlr.runs._listener import Listener
from sk_sdlr.runs._pretraining import _make_run, _Options

N_EPOCHS = 7
STOPS = (1, 3, 5)


@cache
def blobs(n_samples: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Three classes, of which most rows are easy."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, n_samples)
    X = rng.normal(size=(n_samples, 5)) + 2 * np.eye(3, 5)[y]
    return X.astype("f"), y


@cache
def images() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 40)
    return (rng.normal(size=(40, 1, 6, 6)) + y[:, None, None, None]).astype("f"), y


def run_of(
    estimator,
    X: np.ndarray,
    y: np.ndarray,
    *,
    kind: str = "auto",
    **fit_params,
) -> Run:
    """Return the run that ``estimator.fit`` would train."""
    estimator._train = lambda *datasets: datasets  # and not of its class: there may be threads
    datasets = estimator.fit(X, y, **fit_params)
    net = estimator.net_
    settings = replace(net._make_settings(net.max_epochs), step=kind)
    return net._make_run(*datasets, settings, Listener())


def dnn(X_y=None, *, kind: str = "auto", fit=None, cls=ShrinkingDNNClassifier, **params) -> Run:
    """Return the run of a small perceptron, in closed form unless the parameters forbid it."""
    params = {
        "hidden_layer_sizes": (6,),
        "dropout": 0.0,
        "batch_norm": False,
        "policy": ShrinkRecall(s=0.3, t=0.4),
        "lr": 0.05,
        "batch_size": 16,
        "max_epochs": N_EPOCHS,
        "random_state": 0,
    } | params
    return run_of(cls(**params), *(X_y or blobs()), kind=kind, **fit or {})


def cnn(cls=ShrinkingCNNClassifier, **params) -> Run:
    layers = [("conv", 3, 3), ("relu",), ("max_pool", 2), ("linear", 6), ("tanh",)]
    params = {
        "policy": ShrinkRecall(s=0.3, t=0.4),
        "batch_size": 8,
        "max_epochs": N_EPOCHS,
    } | params
    return run_of(cls(layers, **{"random_state": 0} | params), *images())


def dbn(**params) -> Run:
    """Return the run of a net that was pretrained."""
    estimator = ShrinkingDBNClassifier(
        (6, 4),
        pretrain_epochs=2,
        policy=ShrinkRecall(s=0.3, t=0.4),
        dropout=0.2,
        batch_size=16,
        max_epochs=N_EPOCHS,
        **{"random_state": 0} | params,
    )
    return run_of(estimator, *blobs())


def rbm(visible: str = "bernoulli", policy: str = "shrink_recall", **params) -> Run:
    """Return the run that pretrains a layer."""
    generator = torch.Generator().manual_seed(0)
    X = torch.from_numpy(blobs()[0])
    X = X if visible == "gaussian" else X.sigmoid()
    machine = RBM(5, 4, visible=visible, generator=generator)
    machine.fit_visible(X)
    weight = torch.linspace(0.5, 1.5, len(X)) if params.pop("weighted", False) else None
    settings = TrainingSettings(max_epochs=N_EPOCHS, batch_size=16)
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3, "cd_k": 2, "persistent": False}
    options |= {"policy": POLICIES[policy](), "settings": settings}
    return _make_run(machine, X, weight, _Options(**options | params), generator)


def own_module(n_inputs: int, n_outputs: int) -> nn.Module:
    """Return a net whose masks come from torch's global generator."""
    return nn.Sequential(
        nn.Linear(n_inputs, 6),
        nn.BatchNorm1d(6),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Linear(6, n_outputs),
    )


def own(*, fit=None, **params) -> Run:
    """Return the run of a net that is not of this package."""
    params = {
        "policy": ShrinkRecall(s=0.3, t=0.4),
        "max_epochs": N_EPOCHS,
        "batch_size": 16,
        "random_state": 0,
    } | params
    return run_of(ShrinkingClassifier(own_module, **params), *blobs(), **fit or {})


# For runs that stop early, after the last stop on the way.
EARLY_STOPPING = {
    "early_stopping": True,
    "validation_fraction": 0.3,
    "max_epochs": 40,
    "n_iter_no_change": 3,
    "tol": 0.01,
    "lr": 0.02,
}


class LearntTemperature(nn.CrossEntropyLoss):
    """A loss with a parameter of its own, which is trained as well."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, output, target):
        return super().forward(output / self.temperature, target)


def learnt_loss() -> Run:
    patch = mock.patch.object(ShrinkingDNNClassifier, "_criterion", return_value=LearntTemperature)
    with patch:
        return dnn()


WEIGHT = np.linspace(0.2, 3, 90)
WEIGHTED = {"sample_weight": WEIGHT}
VALID = {"X_val": blobs(50)[0], "y_val": blobs(50)[1]}
EASY = blobs(240)
POLICY_CASES = {
    "full": {"policy": POLICIES["full"]()},
    "shrink_recall": {},
    "shrink": {"policy": ShrinkRecall(s=0.3, recall=False, alpha=None)},
    # Sizes that fall to a third need 20 batches there.
    "auto_recall": {"policy": AutoRecall(s=0.5), "X_y": EASY, "batch_size": 4},
    "random_subset": {"policy": RandomSubset()},
    "random_auto_recall": {"policy": RandomSubset(AutoRecall(0.5)), "X_y": EASY, "batch_size": 4},
    "infobatch": {"policy": InfoBatch(delta=0.8)},
    "selective_backprop": {"policy": SelectiveBackprop()},
}
# Policies that visit all rows in all epochs.
CONSTANT = {"full"}
OPTIMIZERS = {
    "sgd": {"optimizer": "sgd"},
    "nesterov": {"optimizer": "nesterov"},
    "adam": {"optimizer": "adam"},
    "adamw": {"optimizer": "adamw"},
}
NETS = {
    "dense": {},
    "autograd": {"kind": "autograd"},
    "dropout": {"dropout": 0.3},
    "batch_norm": {"batch_norm": True},
    "both": {"dropout": 0.3, "batch_norm": True},
}
SCHEDULES = {
    "constant": None,
    "cosine": "cosine",
    "constant_cosine": "constant_cosine",
    "step": partial(StepLR, step_size=2, gamma=0.5),
    "plateau": partial(ReduceLROnPlateau, patience=0, threshold=0.2),
    "warm_restarts": partial(CosineAnnealingWarmRestarts, T_0=3),
}

CASES: dict[str, Callable[[], Run]] = {
    **{f"policy_{name}": partial(dnn, **params) for name, params in POLICY_CASES.items()},
    **{
        f"{optimizer}_{net}": partial(dnn, **OPTIMIZERS[optimizer], **NETS[net])
        for optimizer in OPTIMIZERS
        for net in NETS
    },
    "sgd_momentum": partial(dnn, optimizer="sgd", momentum=0.9),
    **{f"lr_{name}": partial(dnn, lr_schedule=schedule) for name, schedule in SCHEDULES.items()},
    "plateau_valid": partial(dnn, lr_schedule=SCHEDULES["plateau"], fit=VALID),
    "step_autograd": partial(dnn, lr_schedule=SCHEDULES["step"], kind="autograd", dropout=0.2),
    "early_stopping": partial(dnn, **EARLY_STOPPING),
    "early_stopping_own": partial(own, **EARLY_STOPPING, policy=InfoBatch(delta=0.8), fit=WEIGHTED),
    "average": partial(dnn, weight_average=0.3),
    "average_autograd": partial(dnn, weight_average=0.3, kind="autograd", batch_size=4),
    "average_both": partial(dnn, weight_average=0.3, fit=VALID, **NETS["both"]),
    "average_own": partial(own, weight_average=0.3),
    "average_early_stopping": partial(
        dnn, **EARLY_STOPPING, weight_average=0.3, **NETS["batch_norm"]
    ),
    "weighted": partial(dnn, fit=WEIGHTED),
    "weighted_autograd": partial(dnn, fit=WEIGHTED, **NETS["both"]),
    "weighted_infobatch": partial(dnn, fit=WEIGHTED, policy=InfoBatch(delta=0.8)),
    "max_passes": partial(dnn, max_passes=4.5),
    "full_at_end": partial(dnn, full_at_end=0.5),
    "float64": partial(dnn, dtype="float64", **NETS["both"]),
    "float64_dense": partial(dnn, dtype="float64"),
    "bfloat16": partial(dnn, dtype="bfloat16"),
    "regressor": partial(dnn, cls=ShrinkingDNNRegressor, **NETS["both"]),
    "numbers_of_numpy": partial(
        dnn,
        **EARLY_STOPPING | {"lr": np.float32(0.02), "tol": np.float32(0.01)},
        weight_decay=np.float32(1e-3),
        policy=ShrinkRecall(s=np.float64(0.3), t=np.float64(0.4), alpha=np.float64(0.5)),
    ),
    "learnt_loss": learnt_loss,
    "cnn": cnn,
    "cnn_nesterov": partial(cnn, optimizer="nesterov", lr=0.05),
    "cnn_regressor": partial(cnn, ShrinkingCNNRegressor),
    "dbn": dbn,
    "own_module": own,
    "own_module_infobatch": partial(own, policy=InfoBatch(delta=0.8), batch_size=7),
    "rbm": rbm,
    "rbm_persistent": partial(rbm, persistent=True, momentum=0.0, weighted=True),
    "rbm_gaussian": partial(rbm, "gaussian", "selective_backprop"),
}
