"""What a net looks like: plain torch modules."""

from ._activations import ACTIVATIONS, ScaledTanh
from ._cnn import CNN, CNN_PRESETS
from ._members import JoinMembers, MeanOfMembers, MemberLinear, SplitMembers
from ._mlp import MLP
from ._own_modules import OWN_MODULES
from ._rbm import RBM
from ._scaling import Scaling

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "CNN_PRESETS",
    "MLP",
    "OWN_MODULES",
    "RBM",
    "JoinMembers",
    "MeanOfMembers",
    "MemberLinear",
    "ScaledTanh",
    "Scaling",
    "SplitMembers",
]
