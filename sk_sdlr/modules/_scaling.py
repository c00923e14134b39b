"""One weight a feature."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._checks import check_size


class Scaling(nn.Module):
    """Multiplies each feature by a weight of its own, 1 at the start.

    At a rate above that of the other layers a net finds early which features matter.

    Parameters
    ----------
    n_features : int
        Number of features.

    Attributes
    ----------
    weight : nn.Parameter of shape (n_features,)
        The weights.

    Raises
    ------
    ValueError
        If `n_features` is not a positive int.

    Notes
    -----
    **Shape:** input and output (n_samples, n_features).

    References
    ----------
    .. [1] D. Holzmüller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong Pre-Tuned MLPs and
       Boosted Trees on Tabular Data", 2024, section 3.

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.modules import Scaling
    >>> Scaling(3)(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        check_size("Scaling", "n_features", n_features)
        self.weight = nn.Parameter(torch.ones(n_features))

    def forward(self, x: Tensor) -> Tensor:
        """Return the features times their weights."""
        return x * self.weight
