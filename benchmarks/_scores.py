"""What there is to say of predictions, on one scale for all sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, log_loss, mean_squared_error, zero_one_loss


def scores(net: Any, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return the error and what else there is to say: of numbers it is 1 - R2, of classes a rate.

    Of distributions it is half the mean L1 distance, which is 1 at most.
    """
    if y.dtype.kind not in "iu":
        predicted = net.predict(X)
        if y.ndim == 2 and np.allclose(y.sum(1), 1, atol=1e-3):  # distributions
            return {"error": float(np.abs(predicted - y).sum(1).mean() / 2)}
        return {"error": float(mean_squared_error(y, predicted) / y.var())}
    p = net.predict_proba(X).astype(np.float64)
    predicted = net.classes_[p.argmax(1)]
    loss = log_loss(y, p / p.sum(1, keepdims=True), labels=net.classes_)
    found = {"error": float(zero_one_loss(y, predicted)), "log_loss": float(loss)}
    if len(net.classes_) == 2:  # what a rare class is judged by
        found["average_precision"] = float(average_precision_score(y, p[:, 1]))
    return found
