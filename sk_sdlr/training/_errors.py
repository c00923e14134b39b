"""Per-sample errors: the loss that is trained on, before it is averaged over the batch."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

from torch import Tensor, nn


class SquaredError(nn.Module):
    """Half the squared norm of the residual of each sample (Eq. 4).

    Parameters
    ----------
    reduction : {"mean", "none"}, default="mean"
        "mean" averages over the samples, never over the outputs.

    Notes
    -----
    **Shape:** outputs and targets (n_samples, n_outputs); "none" returns (n_samples,).

    References
    ----------
    .. [1] S. Zheng, A. Vishnu, C. Ding, "Accelerating Deep Learning with Shrinkage and Recall",
       2016. Eq. 4.

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.training import SquaredError
    >>> SquaredError("none")(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))
    tensor([2.5000])
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "none"):
            raise ValueError(f"reduction must be 'mean' or 'none', however: {reduction!r}.")
        self.reduction = reduction

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the errors of the samples, or their mean."""
        if output.shape != target.shape:
            raise ValueError(
                "outputs and targets must have the same shape, "
                f"however: {tuple(output.shape)} and {tuple(target.shape)}."
            )
        error = (output - target).square().sum(dim=1) / 2
        return error.mean() if self.reduction == "mean" else error


def per_sample_error(criterion: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a function that gives the criterion's value of each sample.

    Parameters
    ----------
    criterion : nn.Module
        A loss with a `reduction` attribute, as all of torch's have.

    Returns
    -------
    errors : callable
        Maps outputs and targets of n samples to a tensor of shape (n,). Where the criterion has
        several values a sample, their mean, so that the mean over the samples is its own mean
        (unless it weighs classes: then each value is multiplied by the weight of its class).

    Raises
    ------
    TypeError
        If the criterion has no `reduction`.
    """
    if not hasattr(criterion, "reduction"):
        raise TypeError(
            "criterion must have a `reduction` attribute that can be set to 'none', "
            f"however: {type(criterion).__name__} has none."
        )
    # What torch.compile makes shares the module that it was made of with its copies.
    unreduced: Any = copy(getattr(criterion, "_orig_mod", criterion))
    unreduced.reduction = "none"

    def errors(output: Tensor, target: Tensor) -> Tensor:
        error = unreduced(output, target)
        return error if error.dim() == 1 else error.flatten(1).mean(1)

    return errors
