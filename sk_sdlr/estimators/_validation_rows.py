"""The validation rows that a user brings."""

from __future__ import annotations

from typing import Any


def check_validation_arguments(X_val: Any, y_val: Any, sample_weight_val: Any) -> None:
    """Raise ValueError unless there are features and targets, or neither.

    Parameters
    ----------
    X_val : array-like or None
        Features of the validation rows.
    y_val : array-like or None
        Their targets.
    sample_weight_val : array-like or None
        Their weights.
    """
    if X_val is not None and y_val is None:
        raise ValueError("X_val is provided, but y_val was not provided.")
    if X_val is None and y_val is not None:
        raise ValueError("y_val is provided, but X_val was not provided.")
    if X_val is None and sample_weight_val is not None:
        raise ValueError("sample_weight_val is provided, but X_val was not provided.")
