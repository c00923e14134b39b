"""Layers whose initial weights come from the generator of the run."""

from __future__ import annotations

from math import prod, sqrt
from typing import Any, TypeVar

import torch
from torch import nn

from ._random import current_generator

Weighted = TypeVar("Weighted", bound=nn.Linear | nn.Conv2d)


def new_layer(kind: type[Weighted], *sizes: Any, **options: Any) -> Weighted:
    """Return a layer with the weights that torch would give it, drawn by the current generator.

    Parameters
    ----------
    kind : type of nn.Linear or nn.Conv2d
        The layer's class.
    *sizes, **options
        What it is made from. It has a bias.

    Returns
    -------
    layer : nn.Linear or nn.Conv2d
        On torch's default device. From a generator in the state of torch's global one it has the
        bits that the class itself would have drawn.
    """
    # On the meta device nothing is drawn. skip_init goes on with Module.to_empty, which
    # FakeTensorMode refuses.
    layer = kind(*sizes, **options | {"device": "meta"})
    shape, generator = layer.weight.shape, current_generator()
    layer.weight = nn.Parameter(torch.empty(shape))
    layer.bias = nn.Parameter(torch.empty(shape[0]))
    nn.init.kaiming_uniform_(layer.weight, a=sqrt(5), generator=generator)
    bound = 1 / sqrt(prod(shape[1:]))
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer
