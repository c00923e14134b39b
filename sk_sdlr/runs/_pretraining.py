"""Greedy layer-wise pretraining: a stack of restricted Boltzmann machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf, prod
from numbers import Real
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.optim import SGD, Optimizer

from ..modules import RBM
from ..modules._checks import bad_parameter, check_option, check_size, check_sizes
from ..modules._rbm import VISIBLE_UNITS
from ..policies import Policy
from ..steps import Objective
from ..steps._contrastive_divergence import ContrastiveDivergenceStep
from ._data import TrainingData
from ._run import Run
from ._settings import TrainingSettings
from ._threads import choose_threads, threads

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
    fp32_precision: str | None = None,
    n_threads: int | None = None,
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
    fp32_precision : {"bf16"} or None, default=None
        See :class:`TrainingSettings`.
    n_threads : int or None, default=None
        Torch threads; None: by the size of a step.

    Returns
    -------
    machines : list of RBM
        One a layer. :meth:`~sk_sdlr.modules.RBM.as_linear` makes layers of a net of them.
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
    >>> from sk_sdlr.runs import pretrain
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
    options = _Options(
        lr,
        momentum,
        weight_decay,
        cd_k,
        persistent,
        policy,
        TrainingSettings(
            max_epochs=epochs,
            batch_size=batch_size,
            autocast=autocast,
            fp32_precision=fp32_precision,
            n_threads=n_threads or _choose_threads(X, hidden_layer_sizes, batch_size),
        ),
    )
    kind = _kind_of(X) if visible == "auto" else visible
    with threads(options.settings.n_threads):
        return _train_stack(X, hidden_layer_sizes, kind, sample_weight, options, generator)


def _train_stack(
    X: Tensor,
    sizes: Sequence[int],
    kind: str,
    sample_weight: Tensor | None,
    options: _Options,
    generator: Generator,
) -> tuple[list[RBM], list[dict[str, Any]]]:
    machines: list[RBM] = []
    history: list[dict[str, Any]] = []
    for layer, size in enumerate(sizes):
        if layer:
            X, kind = _hidden_probability(machines[-1], X), "bernoulli"
        rbm = RBM(X.shape[1], size, visible=kind, generator=generator).to(X)
        rbm.fit_visible(X, sample_weight)
        run = _make_run(rbm, X, sample_weight, options, generator)
        history += _records(run, layer, options.lr)
        machines.append(rbm)
    return machines, history


class _Options(NamedTuple):
    """What the runs of all layers share."""

    lr: float
    momentum: float
    weight_decay: float
    cd_k: int
    persistent: bool
    policy: Policy | None
    settings: TrainingSettings


def _make_run(
    rbm: RBM, X: Tensor, sample_weight: Tensor | None, options: _Options, generator: Generator
) -> Run:
    """Return the run that trains one machine."""
    objective = Objective(nn.MSELoss(), bounded_outputs=not rbm.is_gaussian)
    optimizer = _optimizer(rbm, options.lr, options.momentum, options.weight_decay)
    step = ContrastiveDivergenceStep(
        rbm,
        objective,
        optimizer,
        generator=generator,
        n_steps=options.cd_k,
        persistent=options.persistent,
        autocast=options.settings.autocast,
    )
    targets = X.new_empty(X.shape[0], 0)  # there are none
    return Run(
        rbm,
        objective,
        optimizer,
        TrainingData(X, targets, sample_weight),
        options.settings,
        policy=options.policy,
        generator=generator,
        step=step,
    )


def _records(run: Run, layer: int, lr: float) -> Iterator[dict[str, Any]]:
    """Train a machine; yield the record of each epoch."""
    try:
        for record in run:
            yield {
                "layer": layer,
                "epoch": record["epoch"],
                "n_active": record["n_active"],
                "reconstruction_error": record["train_loss"],
                "duration": record["duration"],
            }
    except FloatingPointError:
        raise FloatingPointError(
            "The reconstruction errors or the weights became NaN or infinite in pretraining, at "
            f"pretrain_lr={lr:g}. Try a smaller one, and features without NaN or extreme values."
        ) from None


def _optimizer(rbm: RBM, lr: float, momentum: float, weight_decay: float) -> Optimizer:
    if rbm.is_gaussian:
        lr *= min(1, GAUSSIAN_HIDDEN_UNITS / rbm.weight.shape[0])
    groups = [
        {"params": [rbm.weight], "weight_decay": weight_decay},
        {"params": [rbm.hidden_bias, rbm.visible_bias], "weight_decay": 0.0},
    ]
    return SGD(groups, lr=lr, momentum=momentum, fused=True)


def _choose_threads(X: Tensor, hidden_layer_sizes: Sequence[int], batch_size: int) -> int | None:
    largest = max(map(prod, pairwise((X.shape[1], *hidden_layer_sizes))), default=0)
    return choose_threads(10 * batch_size * largest)


@torch.no_grad()
def _hidden_probability(rbm: RBM, X: Tensor) -> Tensor:
    return torch.cat([rbm(some) for some in X.split(CHUNK_ROWS)])


def _kind_of(X: Tensor) -> str:
    return "bernoulli" if bool(X.min() >= 0) and bool(X.max() <= 1) else "gaussian"


def _check_data(X: Tensor, hidden_layer_sizes: object, visible: object) -> None:
    if X.dim() != 2 or not X.is_floating_point() or not X.shape[0]:
        raise ValueError(
            "X must be a matrix of floats with at least one row. "
            f"Got shape {tuple(X.shape)} of {X.dtype} instead."
        )
    check_sizes("pretrain", "hidden_layer_sizes", hidden_layer_sizes)
    check_option("pretrain", "visible", visible, ("auto", *VISIBLE_UNITS))


def _check_numbers(counts: dict[str, object], reals: dict[str, object]) -> None:
    for name, value in counts.items():
        check_size("pretrain", name, value)
    for name, value in reals.items():
        low, high = RANGES[name]
        if not isinstance(value, Real) or not low <= float(value) < high:
            must = f"be a number in the range [{low:g}, {high:g})"
            raise bad_parameter("pretrain", name, must, value)
