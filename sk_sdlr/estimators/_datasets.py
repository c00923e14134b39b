"""Rows as torch has them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from ..nets import ActiveSetNet
from ..steps._bfloat16 import exact_products
from ._rows import Rows


def as_tensor(array: np.ndarray) -> Tensor:
    """Return a tensor on the same memory; torch wants it to be writeable, which it need not be."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def as_dataset(rows: Rows, targets: np.ndarray) -> TensorDataset:
    """Return features, targets and, where there are any, weights, of which the mean is 1.

    Parameters
    ----------
    rows : Rows
        Features and weights.
    targets : ndarray of shape (n_samples, ...)
        Targets as the loss wants them.

    Returns
    -------
    dataset : TensorDataset
        The tensors, on the CPU.
    """
    tensors = [as_tensor(rows.X), as_tensor(targets)]
    if rows.weight is not None:
        tensors.append(torch.as_tensor(rows.weight, dtype=tensors[0].dtype))
    return TensorDataset(*tensors)


def outputs_of(net: ActiveSetNet, X: np.ndarray) -> Tensor:
    """Return a net's outputs for features, on the CPU."""
    with exact_products():
        return net.forward(TensorDataset(as_tensor(X), torch.empty(len(X))))
