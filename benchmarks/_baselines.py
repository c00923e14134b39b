"""What a user might take instead: stock skorch, and scikit-learn's nets and trees."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNet, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, LRScheduler
from torch import nn

from sk_sdlr.modules import CNN

from ._nets import Length, Net
from .data import Split


@dataclass(frozen=True)
class Baseline:
    """Something that others have made.

    Parameters
    ----------
    label : str
        What tables and figures call it.
    build : callable
        Of the net, the data, the number of epochs (or None) and the seed: an estimator.
    own_rate : bool, default=False
        Whether it has an optimiser of its own, or none, whatever the net's learning rate is.
    visits_rows : bool, default=True
        Whether it visits rows; else it has no length.
    float_targets : bool, default=False
        Whether it wants numbers as float32 columns.
    """

    label: str
    build: Callable[[Net, Split, int | None, int], Any]
    own_rate: bool = False
    visits_rows: bool = True
    float_targets: bool = False

    def make(
        self, net: Net, data: Split, length: Length, seed: int, sizes: Any = (), **params: Any
    ) -> Any:
        """Return an estimator; `sizes` and `params` are for our own methods."""
        return self.build(net, data, length.of_all_rows, seed)

    def targets(self, data: Split) -> Any:
        """Return what it is trained to predict."""
        if not self.float_targets or data.is_classification:
            return data.y
        return data.y.astype("float32").reshape(len(data.y), -1)

    def visits(self, fitted: Any, data: Split, length: Length) -> float | None:
        """Return the row visits of a fit, in units of the number of rows."""
        epochs = length.of_all_rows if self.visits_rows else None
        return None if epochs is None else float(epochs)


class WeightsAtBegin(Callback):
    """Keeps the weights with which training begins, or sets them.

    Parameters
    ----------
    weights : dict or None, default=None
        A state dict to begin with; None: what is there is kept.
    """

    def __init__(self, weights: dict[str, Any] | None = None) -> None:
        self.weights = weights

    def on_train_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Keep the weights or set them."""
        if self.weights is None:
            self.weights = copy.deepcopy(net.module_.state_dict())
        else:
            net.module_.load_state_dict(self.weights)


def initial_weights(net: Net, data: Split, seed: int) -> tuple[nn.Module, dict[str, Any]]:
    """Return the module that our estimators train with a seed, and its weights at the begin."""
    begin = WeightsAtBegin()
    one_row = Length(visits=1 / len(data.y))
    estimator = net.make(data, one_row, seed=seed, callbacks=[("begin", begin)])
    estimator.fit(data.X, data.y)
    assert begin.weights is not None
    return estimator.net_.module_, begin.weights


def skorch(net: Net, data: Split, epochs: int | None, seed: int) -> Any:
    """Return skorch's own net: the same module, weights, batches, optimiser and schedule."""
    module, weights = initial_weights(net, data, seed)
    epochs, params = epochs or 10, net.params
    callbacks: list[Any] = [("begin", WeightsAtBegin(weights))]
    if params.get("lr_schedule", "linear") == "linear":
        n_steps = epochs * ceil(len(data.y) / params["batch_size"])
        falling = LRScheduler(
            "LambdaLR", lr_lambda=lambda step: 1 - step / n_steps, step_every="batch"
        )
        callbacks.append(("schedule", falling))
    kind = NeuralNetClassifier if data.is_classification else NeuralNetRegressor
    made = kind(
        plain(module),
        criterion=nn.CrossEntropyLoss if data.is_classification else nn.MSELoss,
        batch_size=params["batch_size"],
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=callbacks,
        verbose=0,
        **optimizer_of(net),
    )
    return made if data.is_classification else standardised(made)


def optimizer_of(net: Net) -> dict[str, Any]:
    """Return skorch's parameters of the net's optimiser."""
    if net.params.get("optimizer") == "sgd":
        momentum = net.params.get("momentum", 0.0)
        return {"lr": net.lr, "optimizer": torch.optim.SGD, "optimizer__momentum": momentum}
    # Without a weight decay of the net's own, torch's default is ours too.
    decay = {
        f"optimizer__{name}": value for name, value in net.params.items() if name == "weight_decay"
    }
    return {"lr": net.lr, "optimizer": torch.optim.AdamW} | decay


def plain(module: nn.Module) -> nn.Module:
    """Return the module with torch's own convolutions, as anyone writes them down."""
    made = copy.deepcopy(module)
    if isinstance(made, CNN):
        for i, part in enumerate(made.layers):
            if isinstance(part, nn.Conv2d):
                sizes: Any = part.kernel_size, 1, part.padding
                made.layers[i] = nn.Conv2d(part.in_channels, part.out_channels, *sizes)
    return made


def standardised(regressor: Any) -> TransformedTargetRegressor:
    """Return the regressor, trained on targets of mean 0 and standard deviation 1."""
    return TransformedTargetRegressor(regressor, transformer=StandardScaler(), check_inverse=False)


def sklearn_mlp(
    net: Net, data: Split, epochs: int | None, seed: int, **options: Any
) -> MLPClassifier | TransformedTargetRegressor:
    """Return scikit-learn's perceptron with its default optimiser, kept from stopping early.

    It has the hidden layers of the net, of a convolutional one a layer of 500 units; without a
    number of epochs it has its own, and stops when it likes.
    """
    own = (500,) if net.kind == "cnn" else (100,)
    options |= {"hidden_layer_sizes": net.params.get("hidden_layer_sizes", own)}
    if epochs is not None:
        options |= {"max_iter": epochs, "n_iter_no_change": epochs + 1}
    if data.is_classification:
        return MLPClassifier(**options, random_state=seed)
    return standardised(MLPRegressor(**options, random_state=seed))


def sklearn_mlp_sgd(net: Net, data: Split, epochs: int | None, seed: int) -> Any:
    """Return scikit-learn's perceptron, trained as the net is, but at a constant rate."""
    activation = net.params["activation"]
    options = {
        "activation": {"sigmoid": "logistic"}.get(activation, activation),
        "solver": "sgd",
        "momentum": net.params.get("momentum", 0.0),
        "alpha": 0.0,
        "learning_rate_init": net.lr,
        "batch_size": min(net.params["batch_size"], len(data.y)),
        "tol": 0.0,
    }
    return sklearn_mlp(net, data, epochs, seed, **options)


def trees(net: Net, data: Split, epochs: int | None, seed: int) -> Any:
    """Return scikit-learn's gradient boosting with its defaults."""
    if data.is_classification:
        return HistGradientBoostingClassifier(random_state=seed)
    boosting = HistGradientBoostingRegressor(random_state=seed)
    return boosting if np.ndim(data.y) == 1 else MultiOutputRegressor(boosting)


BASELINES = {
    "skorch": Baseline("stock skorch, all rows", skorch, float_targets=True),
    "sklearn_mlp": Baseline("scikit-learn MLP", sklearn_mlp, own_rate=True),
    "sklearn_mlp_sgd": Baseline("scikit-learn MLP, SGD", sklearn_mlp_sgd),
    "hist_gradient_boosting": Baseline(
        "HistGradientBoosting", trees, own_rate=True, visits_rows=False
    ),
}
