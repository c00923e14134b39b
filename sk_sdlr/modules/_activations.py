"""The activations by name."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SCALED_TANH_GAIN, SCALED_TANH_SLOPE = 1.7159, 2 / 3


class ScaledTanh(nn.Module):
    """1.7159 tanh(2 x / 3), elementwise: about the identity at +-1.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, G. Orr, K.-R. Mueller, "Efficient BackProp", 1998, section 4.4. The
       code that the sDLr paper trained its nets with uses it where the paper says tangent.

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.modules import ScaledTanh
    >>> ScaledTanh()(torch.tensor([0.0, 1.0]))
    tensor([0.0000, 1.0000])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation of `x`, in its shape."""
        return SCALED_TANH_GAIN * torch.tanh(SCALED_TANH_SLOPE * x)


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "selu": nn.SELU,
    "scaled_tanh": ScaledTanh,
}
