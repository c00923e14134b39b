"""What there is to say of predictions, on one scale for all sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    log_loss,
    mean_squared_error,
    roc_auc_score,
    zero_one_loss,
)


def scores(net: Any, X: Any, y: np.ndarray) -> dict[str, float]:
    """Return the error and what else there is to say: of numbers it is 1 - R2, of classes a rate.

    Of distributions it is half the mean L1 distance, which is 1 at most. The area under the
    curve is the mean over classes, each against the others.
    """
    if y.dtype.kind not in "iu":
        predicted = net.predict(X)
        if y.ndim == 2 and np.allclose(y.sum(1), 1, atol=1e-3):  # distributions
            return {"error": float(np.abs(predicted - y).sum(1).mean() / 2)}
        squared = float(mean_squared_error(y, predicted))
        return {"error": float(squared / y.var()), "rmse": squared**0.5}
    p = net.predict_proba(X).astype(np.float64)
    p /= p.sum(1, keepdims=True)
    predicted, is_binary = net.classes_[p.argmax(1)], p.shape[1] == 2
    loss = log_loss(y, p, labels=net.classes_)
    found = {"error": float(zero_one_loss(y, predicted)), "log_loss": float(loss)}
    if len(np.unique(y)) == len(net.classes_):
        found["auc"] = float(roc_auc_score(y, p[:, 1] if is_binary else p, multi_class="ovr"))
    if is_binary:  # what a rare class is judged by
        found["average_precision"] = float(average_precision_score(y, p[:, 1]))
    return found
