"""Greedy layer-wise pretraining: a stack of restricted Boltzmann machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, isfinite
from numbers import Real
from time import perf_counter
from typing import Any

import torch
from torch import Generator, Tensor
from torch.optim import SGD, Optimizer

from ..modules import RBM
from ..modules._checks import check_option, check_size, is_size
from ..modules._rbm import VISIBLE_UNITS
from ..policies import FullData, Policy
from ..policies._base import OUTPUT_ERROR
from ._contrastive_divergence import ContrastiveDivergenceStep
from ._rows import TrainingRows
from ._schedule import Budget

# The hidden units up to which Gaussian visible ones bear the learning rate of binary ones.
GAUSSIAN_HIDDEN_UNITS = 20
# Rows whose hidden probabilities are computed at a time.
CHUNK_ROWS = 1024
RANGES = {"lr": (0, inf), "momentum": (0, 1), "weight_decay": (0, inf)}


def pretrain(
    X: Tensor,
    hidden_layer_sizes: Sequence[int],
    *,
    generator: Generator,
    visible: str = "auto",
    epochs: int = 10,
    lr: float = 0.05,
    batch_size: int = 100,
    cd_k: int = 1,
    momentum: float = 0.9,
    weight_decay: float = 2e-4,
    persistent: bool = False,
    policy: Policy | None = None,
    sample_weight: Tensor | None = None,
    autocast: torch.dtype | None = None,
) -> tuple[list[RBM], list[dict[str, Any]]]:
    """Train a restricted Boltzmann machine a layer, each on what the one below makes of the data.

    In pseudocode::

        for each hidden layer:
            rbm = RBM(features of X, size of the layer), which knows the means of X
            for each epoch, on the rows that the policy keeps active:
                contrastive divergence; the policy sees the reconstruction errors
            X = P(h = 1 | X)

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Features, on the device and of the type to train with.
    hidden_layer_sizes : sequence of int
        Hidden units of each layer.
    generator : torch.Generator
        The only source of randomness; on the CPU.
    visible : {"auto", "bernoulli", "gaussian"}, default="auto"
        Kind of the first layer's visible units; those above are binary. "auto" takes binary ones
        if all of `X` lies in [0, 1].
    epochs : int, default=10
        Epochs of each layer.
    lr : float, default=0.05
        Learning rate; that of Gaussian visible units is ``lr * min(1, 20 / n_hidden)``.
    batch_size : int, default=100
        Rows a batch.
    cd_k : int, default=1
        Gibbs steps.
    momentum : float, default=0.9
        Momentum, in [0, 1). Persistent chains cannot follow fast: use 0 with them.
    weight_decay : float, default=2e-4
        Decay of the weights, not of the biases.
    persistent : bool, default=False
        Whether chains persist; see :class:`ContrastiveDivergenceStep`.
    policy : Policy or None, default=None
        Chooses the rows of each epoch, from all rows anew in each layer; None visits all rows.
    sample_weight : Tensor of shape (n_samples,), optional
        Weights of the rows.
    autocast : torch.dtype or None, default=None
        What products are computed in; None: in the type of `X`.

    Returns
    -------
    machines : list of RBM
        One a layer. :meth:`RBM.as_linear` makes layers of a net of them.
    history : list of dict
        One record an epoch: ``layer`` (from 0), ``epoch`` (from 1), ``n_active``,
        ``reconstruction_error`` (mean over the rows visited, times their `sample_weight`) and
        ``duration`` (seconds).

    Raises
    ------
    ValueError
        If a parameter is out of its range or unknown.
    FloatingPointError
        If the errors or the weights become NaN or infinite.

    Notes
    -----
    Cost of an epoch of a layer: O(n_active * n_visible * n_hidden * (3 + 2 * cd_k)).

    The reconstruction of binary units is bounded, that of Gaussian ones is not. To a change of the
    weights by the gradient of one row it answers by `lr` times the squared norm of h times the
    row's residual. That norm grows with the number of hidden units: so must 1 / lr, or training
    diverges.

    The defaults are those of [2]_ but for `lr` and `momentum`, which are constant. They were
    chosen on training rows of MNIST by the validation error after fine-tuning.

    References
    ----------
    .. [1] G. Hinton et al., "A Fast Learning Algorithm for Deep Belief Nets",
       2006.
    .. [2] G. Hinton, "A Practical Guide to Training Restricted Boltzmann Machines", 2010.

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.policies import ShrinkRecall
    >>> from sk_sdlr.training import pretrain
    >>> X, generator = torch.eye(10).repeat(20, 1), torch.Generator().manual_seed(0)
    >>> machines, history = pretrain(X, (8, 4), epochs=3, policy=ShrinkRecall(t=0.2, alpha=None),
    ...                              generator=generator)
    >>> machines
    [RBM(10, 8, visible='bernoulli'), RBM(8, 4, visible='bernoulli')]
    >>> [record["n_active"] for record in history]
    [200, 160, 128, 200, 160, 128]
    """
    _check_data(X, hidden_layer_sizes, visible)
    _check_numbers(
        {"epochs": epochs, "batch_size": batch_size, "cd_k": cd_k},
        {"lr": lr, "momentum": momentum, "weight_decay": weight_decay},
    )
    policy = FullData() if policy is None else policy
    machines: list[RBM] = []
    history: list[dict[str, Any]] = []
    kind = _kind_of(X) if visible == "auto" else visible
    for layer, size in enumerate(hidden_layer_sizes):
        if layer:
            X, kind = _hidden_probability(machines[-1], X), "bernoulli"
        rbm = RBM(X.shape[1], size, visible=kind, generator=generator).to(X)
        rbm.fit_visible(X, sample_weight)
        optimizer = _optimizer(rbm, lr, momentum, weight_decay)
        step = ContrastiveDivergenceStep(
            rbm,
            optimizer,
            generator=generator,
            n_steps=cd_k,
            persistent=persistent,
            autocast=autocast,
        )
        tensors = [X, X.new_empty(X.shape[0], 0)]  # there are no targets
        tensors += [] if sample_weight is None else [sample_weight]
        rows = TrainingRows(
            tensors,
            batch_size,
            X.dtype,
            keep_outputs=OUTPUT_ERROR in getattr(policy, "needs", ()),
            is_bounded=not rbm.is_gaussian,
        )
        for record in _run(rows, step, policy, epochs, generator):
            history.append({"layer": layer} | record)
        machines.append(rbm)
    return machines, history


def _run(
    rows: TrainingRows,
    step: ContrastiveDivergenceStep,
    policy: Policy,
    epochs: int,
    generator: Generator,
) -> Iterator[dict[str, Any]]:
    """Train one machine; yield the record of each epoch."""
    device, budget = rows.features.device, Budget(rows.features.shape[0], epochs)
    active = policy.start(budget.n_samples).to(device)
    while not budget.over:
        began = perf_counter()
        errors = rows.visit(active, step, budget, generator)
        n_visited, error = errors.index.shape[0], _mean_error(errors.error, step)
        budget.spend(n_visited)
        if not budget.over:
            active = policy.update(active, errors, generator=generator).to(device)
        yield {
            "epoch": budget.epoch,
            "n_active": n_visited,
            "reconstruction_error": error,
            "duration": perf_counter() - began,
        }
    step.close()


def _mean_error(error: Tensor, step: ContrastiveDivergenceStep) -> float:
    """Return the mean error of an epoch; raise if it, or a weight, is not finite."""
    # A sum is finite if its terms are; all of them are one question to the device.
    weights = [parameter.detach().sum() for parameter in step.rbm.parameters()]
    mean, *sums = torch.stack([error.mean(), *weights]).tolist()
    if not all(map(isfinite, (mean, *sums))):
        raise FloatingPointError(
            "The reconstruction errors or the weights became NaN or infinite in pretraining, at a "
            f"learning rate of {step.optimizer.param_groups[0]['lr']:g}. Try a smaller "
            "pretrain_lr, and features without NaN or extreme values."
        )
    return float(mean)


def _optimizer(rbm: RBM, lr: float, momentum: float, weight_decay: float) -> Optimizer:
    if rbm.is_gaussian:
        lr *= min(1, GAUSSIAN_HIDDEN_UNITS / rbm.weight.shape[0])
    groups = [
        {"params": [rbm.weight], "weight_decay": weight_decay},
        {"params": [rbm.hidden_bias, rbm.visible_bias], "weight_decay": 0.0},
    ]
    return SGD(groups, lr=lr, momentum=momentum, fused=True)


@torch.no_grad()
def _hidden_probability(rbm: RBM, X: Tensor) -> Tensor:
    return torch.cat([rbm(some) for some in X.split(CHUNK_ROWS)])


def _kind_of(X: Tensor) -> str:
    return "bernoulli" if bool(X.min() >= 0) and bool(X.max() <= 1) else "gaussian"


def _check_data(X: Tensor, hidden_layer_sizes: object, visible: object) -> None:
    if X.dim() != 2 or not X.is_floating_point() or not X.shape[0]:
        raise ValueError(
            "X must be a matrix of floats with at least one row, "
            f"however: shape {tuple(X.shape)}, {X.dtype}."
        )
    if not isinstance(hidden_layer_sizes, Sequence) or not all(map(is_size, hidden_layer_sizes)):
        raise ValueError(
            "hidden_layer_sizes must be a sequence of positive ints, "
            f"however: {hidden_layer_sizes=!r}."
        )
    check_option("visible", visible, ("auto", *VISIBLE_UNITS))


def _check_numbers(counts: dict[str, object], reals: dict[str, object]) -> None:
    for name, value in counts.items():
        check_size(name, value)
    for name, value in reals.items():
        low, high = RANGES[name]
        if not isinstance(value, Real) or not low <= float(value) < high:
            raise ValueError(
                f"{name} must be a number in [{low:g}, {high:g}), however: {name}={value!r}."
            )
