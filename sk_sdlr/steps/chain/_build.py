"""The layers of a chain, made from torch's modules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from ...modules import JoinMembers, MeanOfMembers, MemberLinear, Scaling, SplitMembers
from ...modules._batch_norm import BatchNorm1d
from ...modules._dropout import Dropout as OwnDropout
from ._activations import ACTIVATION_LAYERS, Activation
from ._batch_norm import BatchNorm
from ._dropout import Dropout, Scale
from ._layer import Layer
from ._linear import Linear
from ._members import (
    NARROW,
    BlockDiagonalLinear,
    JoinMembersLayer,
    MemberLinearLayer,
    SplitMembersLayer,
)
from ._scaling import ScaledLinear, ScalingLayer

DROPOUTS = (nn.Dropout, OwnDropout)
BATCH_NORMS = (nn.BatchNorm1d, BatchNorm1d)


@dataclass
class Place:
    """Where a module stands among the others.

    Parameters
    ----------
    layers : list of Layer
        Those before it.
    scale : float
        What goes in is to be multiplied by that: the scale of a dropout.
    next_module : nn.Module or None
        The one after it.
    """

    layers: list[Layer]
    scale: float
    next_module: nn.Module | None

    @property
    def is_first(self) -> bool:
        """Whether there are no parameters before it: then nobody wants a gradient there."""
        return not any(layer.parameters for layer in self.layers)


def _linear(module: Any, place: Place) -> list[Layer]:
    layers, before_norm = place.layers, isinstance(place.next_module, BATCH_NORMS)
    scaling = layers[-1] if layers and isinstance(layers[-1], ScalingLayer) else None
    if scaling is not None:
        del layers[-1]
    params: dict[str, Any] = {"is_first": place.is_first, "before_norm": before_norm}
    params["scale"] = place.scale
    if scaling is not None:
        return [ScaledLinear(scaling.module, module, **params)]
    return [Linear(module, **params)]


def _member_linear(module: Any, place: Place) -> list[Layer]:
    before_norm = isinstance(place.next_module, BATCH_NORMS)
    layer = BlockDiagonalLinear if module.n_outputs < NARROW else MemberLinearLayer
    return [layer(module, is_first=place.is_first, scale=place.scale, before_norm=before_norm)]


def _dropout(module: Any, place: Place) -> list[Layer]:
    last = place.layers[-1] if place.layers else None
    if isinstance(last, Activation) and last.vanishes and len(place.layers) > 1:
        del place.layers[-1]
        return [Dropout(module, before_activation=True), last]
    return [Dropout(module, before_activation=False, is_first=not place.layers)]


def _activation(module: nn.Module, place: Place) -> list[Layer]:
    return [ACTIVATION_LAYERS[type(module)](module)]


# Each takes the scale of a dropout before it upon itself.
TAKES_SCALE = (nn.Linear, MemberLinear, *DROPOUTS)
LAYERS: dict[type[nn.Module], Callable[[Any, Place], list[Layer]]] = {
    nn.Linear: _linear,
    MemberLinear: _member_linear,
    Scaling: lambda module, place: [ScalingLayer(module, is_first=place.is_first)],
    SplitMembers: lambda module, place: [SplitMembersLayer(module, is_first=place.is_first)],
    JoinMembers: lambda module, place: [JoinMembersLayer(module)],
    MeanOfMembers: lambda module, place: [],
    nn.Identity: lambda module, place: [],
    **dict.fromkeys(BATCH_NORMS, lambda module, place: [BatchNorm(module)]),
    **dict.fromkeys(DROPOUTS, _dropout),
    **dict.fromkeys(ACTIVATION_LAYERS, _activation),
}


def layers_of(parts: list[nn.Module]) -> list[Layer]:
    """Return the layers of a chain.

    A dropout is moved before the activation that it follows, if that vanishes at minus infinity;
    its scale goes to the linear layer after it, and so does a scaling of features.

    Parameters
    ----------
    parts : list of nn.Module
        Modules of types that `LAYERS` has, in the order in which they are called.

    Returns
    -------
    layers : list of Layer
        Some modules make none.
    """
    layers: list[Layer] = []
    scale = 1.0
    for i, part in enumerate(parts):
        if scale != 1 and not isinstance(part, (*TAKES_SCALE, nn.Identity)):
            layers.append(Scale(scale))
            scale = 1.0
        place = Place(layers, scale, parts[i + 1] if i + 1 < len(parts) else None)
        made = LAYERS[type(part)](part, place)
        if isinstance(part, (nn.Linear, MemberLinear)):
            scale = 1.0
        for layer in made:
            scale *= layer.scale if isinstance(layer, Dropout) else 1.0
        layers += made
    if isinstance(layers[0], Activation):  # which writes over what goes in
        layers.insert(0, Scale(1.0))
    return [*layers, Scale(scale)] if scale != 1 else layers
