"""What a net looks like: plain torch modules."""

from ._activations import ACTIVATIONS, ScaledTanh
from ._mlp import MLP

__all__ = ["ACTIVATIONS", "MLP", "ScaledTanh"]
