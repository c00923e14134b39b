"""The squared error of the sDLr paper."""

from __future__ import annotations

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
    >>> from sk_sdlr.steps import SquaredError
    >>> SquaredError("none")(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2))
    tensor([2.5000])
    """

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in ("mean", "none"):
            raise ValueError(
                "The 'reduction' parameter of SquaredError must be 'mean' or 'none'. "
                f"Got {reduction!r} instead."
            )
        self.reduction = reduction

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the errors of the samples, or their mean."""
        if output.shape != target.shape:
            raise ValueError(
                "outputs and targets must have the same shape. "
                f"Got {tuple(output.shape)} and {tuple(target.shape)} instead."
            )
        error = (output - target).square().sum(dim=1) / 2
        return error.mean() if self.reduction == "mean" else error
