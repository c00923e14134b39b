"""Batch norm that takes batches of one value."""

from __future__ import annotations

from torch import Tensor, nn


class _BatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch norm that falls back on its running statistics for one value a channel.

    The last batch of an epoch may have one row, of which torch refuses to take the variance.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the normalised input, in its shape."""
        if self.training and input.numel() == input.shape[1]:
            return nn.functional.batch_norm(
                input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(input)


class BatchNorm1d(_BatchNorm, nn.BatchNorm1d):
    """For features, of shape (n_samples, n_features)."""


class BatchNorm2d(_BatchNorm, nn.BatchNorm2d):
    """For maps, of shape (n_samples, channels, height, width)."""


def min_batch_rows(module: nn.Module) -> int:
    """Return how few rows a batch may have that the module is trained on.

    Parameters
    ----------
    module : nn.Module
        Any module.

    Returns
    -------
    n_rows : int
        2 with a batch norm of torch's own, which refuses single rows, else 1.
    """
    theirs = nn.modules.batchnorm._BatchNorm
    refuses = any(
        isinstance(part, theirs) and not isinstance(part, _BatchNorm) for part in module.modules()
    )
    return 2 if refuses else 1
