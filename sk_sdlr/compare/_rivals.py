"""What a user might take instead: stock skorch, and scikit-learn's nets and trees."""

from __future__ import annotations

import copy
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

from ..experiments._sets import Split
from ..modules import CNN
from ._nets import Net


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
    one_row = 1 / len(data.y)
    estimator = net.make(data, max_visits=one_row, random_state=seed, callbacks=[("begin", begin)])
    estimator.fit(data.X, data.y)
    assert begin.weights is not None
    return estimator.net_.module_, begin.weights


def skorch(net: Net, data: Split, visits: float, seed: int) -> Any:
    """Return skorch's own net: the same module, weights, batches, optimiser and schedule."""
    module, weights = initial_weights(net, data, seed)
    epochs, params = round(visits), net.params
    n_steps = epochs * ceil(len(data.y) / params["batch_size"])
    schedule = LRScheduler(
        "LambdaLR", lr_lambda=lambda step: 1 - step / n_steps, step_every="batch"
    )
    options: dict[str, Any] = {"lr": net.lr, "optimizer": torch.optim.AdamW}
    if params.get("optimizer") == "sgd":
        options |= {"optimizer": torch.optim.SGD}
        options |= {"optimizer__momentum": params.get("momentum", 0.0)}
    else:
        options |= {"optimizer__weight_decay": 0.0}
    kind = NeuralNetClassifier if data.is_classification else NeuralNetRegressor
    made = kind(
        plain(module),
        criterion=nn.CrossEntropyLoss if data.is_classification else nn.MSELoss,
        batch_size=params["batch_size"],
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[("begin", WeightsAtBegin(weights)), ("schedule", schedule)],
        verbose=0,
        **options,
    )
    return made if data.is_classification else standardised(made)


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


def sklearn_net(net: Net, data: Split, visits: float, seed: int) -> Any:
    """Return scikit-learn's perceptron with its default optimiser, kept from stopping early."""
    options = {
        "hidden_layer_sizes": net.hidden_layer_sizes,
        "max_iter": round(visits),
        "n_iter_no_change": round(visits) + 1,
        "random_state": seed,
    }
    if data.is_classification:
        return MLPClassifier(**options)
    return standardised(MLPRegressor(**options))


def trees(net: Net, data: Split, visits: float, seed: int) -> Any:
    """Return scikit-learn's gradient boosting with its defaults."""
    if data.is_classification:
        return HistGradientBoostingClassifier(random_state=seed)
    boosting = HistGradientBoostingRegressor(random_state=seed)
    return boosting if np.ndim(data.y) == 1 else MultiOutputRegressor(boosting)


RIVALS = {
    "skorch": ("stock skorch, all rows", skorch),
    "sklearn_mlp": ("scikit-learn MLP", sklearn_net),
    "hist_gradient_boosting": ("HistGradientBoosting", trees),
}
