"""One fit, its time and its error."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_squared_error, zero_one_loss

from ._sets import Split


def seconds(action: Callable[..., object], *arguments: object) -> float:
    """Return how long the call takes; that it stops short of convergence is its own affair."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        began = perf_counter()
        action(*arguments)
        return perf_counter() - began


def error_of(estimator: Any, data: Split) -> float:
    """Return the error on the test rows.

    Parameters
    ----------
    estimator : estimator
        A fitted classifier or regressor.
    data : Split
        The rows.

    Returns
    -------
    error : float
        Of classes the share that is wrong; of numbers the mean over the rows of the squared norm of
        the difference (section V.D of the sDLr paper).
    """
    predicted = estimator.predict(data.X_test)
    if is_classifier(estimator):
        return float(zero_one_loss(data.y_test, predicted))
    n_targets = np.atleast_2d(data.y_test.T).shape[0]
    return float(mean_squared_error(data.y_test, predicted)) * n_targets
