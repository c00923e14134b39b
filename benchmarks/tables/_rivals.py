"""What others have made for tables, with its defaults; a package is imported where it is used."""

from __future__ import annotations

from math import ceil
from typing import Any

import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import InputShapeSetter, LRScheduler
from torch import nn

from sk_sdlr.modules import MLP

from .._baselines import standardised
from ._encode import one_hot, with_categories
from ._ours import PLAIN_NET, TRAINING, batch_size_for
from ._task import Task


def hist_gradient_boosting(task: Task, seed: int, n_threads: int) -> Any:
    """Return scikit-learn's trees, which take 255 categories of a column."""
    numbers = task.n_classes is None
    kind = HistGradientBoostingRegressor if numbers else HistGradientBoostingClassifier
    model = kind(random_state=seed, categorical_features="from_dtype")
    return with_categories(model, max_categories=255)


def lightgbm(task: Task, seed: int, n_threads: int, **params: Any) -> Any:
    """Return LightGBM's trees."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if task.n_classes is None else LGBMClassifier
    return with_categories(kind(random_state=seed, n_jobs=n_threads, verbose=-1, **params))


def xgboost(task: Task, seed: int, n_threads: int) -> Any:
    """Return XGBoost's trees."""
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBRegressor if task.n_classes is None else XGBClassifier
    return with_categories(kind(random_state=seed, n_jobs=n_threads, enable_categorical=True))


def catboost(task: Task, seed: int, n_threads: int) -> Any:
    """Return CatBoost's trees, whose categories have no gaps."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    kind = CatBoostRegressor if task.n_classes is None else CatBoostClassifier
    model = kind(
        random_seed=seed,
        thread_count=n_threads,
        cat_features=list(task.words),
        logging_level="Silent",
        allow_writing_files=False,
    )
    return with_categories(model, fill="words")


def realmlp(task: Task, seed: int, n_threads: int) -> Any:
    """Return pytabkit's RealMLP-TD-S."""
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    kind = RealMLP_TD_S_Regressor if task.n_classes is None else RealMLP_TD_S_Classifier
    return of_pytabkit(kind, seed, n_threads)


def tabm(task: Task, seed: int, n_threads: int) -> Any:
    """Return pytabkit's TabM-D."""
    from pytabkit import TabM_D_Classifier, TabM_D_Regressor

    kind = TabM_D_Regressor if task.n_classes is None else TabM_D_Classifier
    return of_pytabkit(kind, seed, n_threads)


def of_pytabkit(kind: Any, seed: int, n_threads: int) -> Any:
    """Return one of its nets, which take no gaps."""
    model = kind(random_state=seed, n_threads=n_threads, device="cpu")
    return with_categories(model, fill="all")


def sklearn_mlp(task: Task, seed: int, n_threads: int) -> Any:
    """Return scikit-learn's perceptron; for numbers, with standardised targets."""
    if task.n_classes is None:
        return one_hot(standardised(MLPRegressor(random_state=seed)))
    return one_hot(MLPClassifier(random_state=seed))


def skorch(task: Task, seed: int, n_threads: int) -> Any:
    """Return skorch's own net, with the module and the training that were our default."""
    kind = NeuralNetRegressor if task.n_classes is None else NeuralNetClassifier
    batch_size, epochs = batch_size_for(task.n_rows), TRAINING["max_epochs"]
    n_steps = epochs * ceil(task.n_rows / batch_size)
    falling = LRScheduler("LambdaLR", lr_lambda=lambda step: 1 - step / n_steps, step_every="batch")
    model = kind(
        MLP,
        module__n_inputs=1,  # set when the columns are known
        module__n_outputs=task.n_classes or 1,
        **{f"module__{name}": value for name, value in PLAIN_NET.items()},
        criterion=nn.MSELoss if task.n_classes is None else nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=TRAINING["weight_decay"],
        lr=TRAINING["lr"],
        batch_size=batch_size,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[InputShapeSetter(param_name="n_inputs"), ("schedule", falling)],
        verbose=0,
    )
    return one_hot(standardised(model) if task.n_classes is None else model)
