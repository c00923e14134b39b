"""From what skorch calls a dataset to the tensors behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from skorch.dataset import Dataset
from skorch.utils import to_tensor
from torch import Tensor
from torch.utils.data import Subset, TensorDataset


def tensors_of(dataset: Any, device: str | torch.device) -> tuple[Tensor, ...]:
    """Return features, targets and, where there are any, sample weights.

    Parameters
    ----------
    dataset : TensorDataset, skorch Dataset of arrays, or a Subset of one
        The data. A TensorDataset holds (X, y) or (X, y, sample_weight).
    device : str or torch.device
        Where the tensors are wanted.

    Returns
    -------
    tensors : tuple of Tensor of shape (n_samples, ...)
        Two or three tensors.

    Raises
    ------
    TypeError
        If the data are not in memory as arrays.
    """
    if isinstance(dataset, Subset):
        rows = torch.as_tensor(dataset.indices)
        whole = tensors_of(dataset.dataset, "cpu")
        return tuple(tensor[rows].to(device) for tensor in whole)
    X, y, *weight = _arrays(dataset)
    y = torch.zeros(len(X)) if y is None else y
    return tuple(to_tensor(array, device) for array in (X, y, *weight))


def dataset_for_callbacks(dataset: Any, scored: Callable[[Any], Any]) -> Any:
    """Return what callbacks know how to take X and y from.

    Parameters
    ----------
    dataset : Dataset
        The data: TensorDataset, skorch Dataset of arrays, or a Subset of one.
    scored : callable
        Makes of the targets what predictions are compared with.

    Returns
    -------
    dataset : Dataset
        The same rows, without sample weights.
    """
    if isinstance(dataset, Subset):
        return Subset(dataset_for_callbacks(dataset.dataset, scored), dataset.indices)
    X, y = _arrays(dataset)[:2]
    return Dataset(X, None if y is None else scored(y))


def _arrays(dataset: Any) -> tuple[Any, ...]:
    if isinstance(dataset, TensorDataset) and len(dataset.tensors) in (2, 3):
        return dataset.tensors
    if isinstance(dataset, Dataset) and not isinstance(dataset.X, dict | list | tuple):
        return dataset.X, dataset.y
    raise TypeError(
        "ActiveSetNet needs one array of features and one of targets. "
        f"Got {_describe(dataset)} instead."
    )


def _describe(dataset: Any) -> str:
    name = type(dataset).__name__
    if isinstance(dataset, TensorDataset):
        return f"{name} of {len(dataset.tensors)} tensors"
    return f"{name} of {type(dataset.X).__name__}" if isinstance(dataset, Dataset) else name
