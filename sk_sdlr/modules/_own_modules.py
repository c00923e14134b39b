"""Which modules draw from the generator of the run only."""

from __future__ import annotations

from torch import nn

from ._cnn import CNN
from ._mlp import MLP
from ._rbm import RBM

OWN_MODULES: tuple[type[nn.Module], ...] = (CNN, MLP, RBM)


def draws_from_run(module: nn.Module) -> bool:
    """Return whether all that the module draws comes from the current generator.

    Parameters
    ----------
    module : nn.Module
        Any module.

    Returns
    -------
    draws_from_run : bool
        True for instances of `OWN_MODULES`. Any other module, one of a subclass included, may draw
        from torch's global generator.
    """
    return type(module) in OWN_MODULES
