"""The convolutional net, its layers given by plain tuples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import ceil, prod
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from ._activations import ACTIVATIONS
from ._batch_norm import BatchNorm1d, BatchNorm2d
from ._checks import (
    OUTPUT_ACTIVATIONS,
    bad_parameter,
    check_dropout,
    check_option,
    check_size,
    is_size,
    one_of,
)
from ._conv import Conv
from ._dropout import Dropout
from ._initialise import new_layer

Layer = tuple[Any, ...]
Shape = tuple[int, int, int]

# The paper's nets, their last layer, a convolution to as many filters as there are classes,
# excepted: on the single pixel that is left there it is the linear layer that CNN ends with.
# Filter counts, paddings and strides are those of the MatConvNet examples that the paper ran.
CNN_PRESETS: dict[str, tuple[Layer, ...]] = {
    "small": (
        ("conv", 32, 3, "same"),
        ("relu",),
        ("max_pool", 2),
        ("conv", 64, 3, "same"),
        ("relu",),
        ("max_pool", 2),
        ("linear", 128),
        ("relu",),
    ),
    "mnist": (
        ("conv", 20, 5),
        ("max_pool", 2),
        ("conv", 50, 5),
        ("max_pool", 2),
        ("conv", 500, 4),
        ("relu",),
    ),
    # NOTE[DIFF]: MatConvNet's second and third pool take means; the paper says maxima. A maximum
    # is the same before the ReLU and after it, and before it there is less to compute.
    "cifar10": (
        ("conv", 32, 5, 2),
        ("max_pool", 3, 2),
        ("relu",),
        ("conv", 32, 5, 2),
        ("max_pool", 3, 2),
        ("relu",),
        ("conv", 64, 5, 2),
        ("max_pool", 3, 2),
        ("relu",),
        ("conv", 64, 4),
        ("relu",),
    ),
}
GRAMMAR = (
    "('conv', filters, size[, padding]), ('max_pool', size[, stride]), "
    "('avg_pool', size[, stride]), ('linear', units), or the name of an activation, ('relu',)"
)


class CNN(nn.Module):
    """Convolutions, pools and linear layers, with a linear layer for the outputs at the end.

    Parameters
    ----------
    image_shape : tuple of int
        Channels, height and width of an input.
    n_outputs : int
        Number of outputs (classes or targets).
    layers : str or sequence of tuple, default="small"
        The layers before the output layer; a name of `CNN_PRESETS` or a sequence of
        ``("conv", filters, size)`` or ``("conv", filters, size, padding)``, where the padding is
        an int or "same" and 0 by default; ``("max_pool", size)`` or ``("max_pool", size, stride)``,
        where the stride is the size by default; ``("avg_pool", ...)`` likewise;
        ``("linear", units)``; and the activations, ``("relu",)``. Sizes and strides are an int or a
        pair (height, width).
    output_activation : {"identity", "sigmoid", "softmax"}, default="identity"
        "softmax" returns the logits.
    dropout : float, default=0.0
        Probability of an input of a linear layer, the last one included, to be dropped, in [0, 1).
    batch_norm : bool, default=False
        Whether batch normalisation follows each layer with weights, the last one excepted.

    Raises
    ------
    ValueError
        If a layer is not known, or does not fit the shape of what goes into it.

    Notes
    -----
    **Shape:** input (n_samples, channels, height, width), or flat rows of as many numbers; output
    (n_samples, n_outputs). A pool that does not come out even covers the edge (``ceil_mode``).

    Examples
    --------
    >>> import torch
    >>> from sk_sdlr.modules import CNN
    >>> net = CNN((1, 28, 28), 10, layers=[("conv", 8, 5), ("relu",), ("max_pool", 2)])
    >>> net(torch.zeros(3, 784)).shape
    torch.Size([3, 10])
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_outputs: int,
        *,
        layers: str | Sequence[Layer] = "small",
        output_activation: str = "identity",
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        check_size("CNN", "n_outputs", n_outputs)
        check_option("CNN", "output_activation", output_activation, OUTPUT_ACTIVATIONS)
        check_option("CNN", "batch_norm", batch_norm, (True, False))
        check_dropout("CNN", "dropout", dropout)
        self.image_shape = check_image_shape("CNN", image_shape)
        self.output_activation = output_activation
        before_linear = [nn.Flatten(), Dropout(dropout)] if dropout else [nn.Flatten()]
        parts: list[nn.Module] = []
        shape: tuple[int, ...] = self.image_shape
        for i, layer in enumerate(named_layers(layers)):
            made, shape = _make(i, layer, shape)
            parts += [*before_linear, made] if isinstance(made, nn.Linear) else [made]
            if batch_norm and isinstance(made, nn.Conv2d | nn.Linear):
                parts.append((BatchNorm2d if len(shape) == 3 else BatchNorm1d)(shape[0]))
        last = new_layer(nn.Linear, prod(shape), n_outputs)
        self.layers = nn.Sequential(*parts, *before_linear, last)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs (logits for "softmax") of shape (n_samples, n_outputs)."""
        output: Tensor = self.layers(x.reshape(len(x), *self.image_shape))
        return torch.sigmoid(output) if self.output_activation == "sigmoid" else output


def named_layers(layers: str | Sequence[Layer]) -> Sequence[Layer]:
    """Return the layers of a preset, or those given."""
    if isinstance(layers, str) and layers in CNN_PRESETS:
        return CNN_PRESETS[layers]
    if isinstance(layers, list | tuple) and all(isinstance(one, list | tuple) for one in layers):
        return layers
    names = one_of(tuple(CNN_PRESETS))
    raise bad_parameter("CNN", "layers", f"be one of {names} or a sequence of {GRAMMAR}", layers)


def check_image_shape(owner: str, image_shape: object) -> Shape:
    """Return channels, height and width; raise ValueError if it is anything else."""
    if (
        not isinstance(image_shape, Sequence)
        or len(image_shape) != 3
        or not all(map(is_size, image_shape))
    ):
        what = "be three positive ints, (channels, height, width)"
        raise bad_parameter(owner, "image_shape", what, image_shape)
    channels, height, width = map(int, image_shape)
    return channels, height, width


def _make(i: int, layer: Layer, shape: tuple[int, ...]) -> tuple[nn.Module, tuple[int, ...]]:
    """Return the layer as a module, and the shape of what comes out of it."""
    name, *arguments = layer or ("",)
    try:
        if name in ACTIVATIONS:
            return _activation(name, *arguments), shape
        return MAKERS[name](shape, *arguments)
    except (KeyError, TypeError) as error:
        raise bad_parameter("CNN", f"layers[{i}]", f"be one of {GRAMMAR}", layer) from error
    except ValueError as error:  # it says what the layer must do
        raise bad_parameter("CNN", f"layers[{i}]", str(error), layer) from None


def _activation(name: str) -> nn.Module:
    return ACTIVATIONS[name]()


def _conv(
    shape: tuple[int, ...], filters: object, size: object, padding: object = 0
) -> tuple[nn.Module, tuple[int, ...]]:
    channels, *extent = _map(shape)
    n_filters, kernel = _positive(filters), _pair(size)
    if padding == "same":
        if not all(k % 2 for k in kernel):
            raise ValueError("have an odd size for a padding of 'same'")
        after = tuple(extent)
    else:
        padding = _pair(padding, least=0)
        after = tuple(n + 2 * p - k + 1 for n, k, p in zip(extent, kernel, padding, strict=True))
    _check_fits(after, shape)
    return new_layer(Conv, channels, n_filters, kernel, padding=padding), (n_filters, *after)


def _pool(
    kind: type[nn.Module], shape: tuple[int, ...], size: object, stride: object = None
) -> tuple[nn.Module, tuple[int, ...]]:
    channels, *extent = _map(shape)
    kernel = _pair(size)
    step = kernel if stride is None else _pair(stride)
    after = tuple(_pooled(n, k, by) for n, k, by in zip(extent, kernel, step, strict=True))
    _check_fits(after, shape)
    return kind(kernel, step, ceil_mode=True), (channels, *after)


def _linear(shape: tuple[int, ...], units: object) -> tuple[nn.Module, tuple[int, ...]]:
    n_units = _positive(units)
    return new_layer(nn.Linear, prod(shape), n_units), (n_units,)


MAKERS: dict[str, Callable[..., tuple[nn.Module, tuple[int, ...]]]] = {
    "conv": _conv,
    "max_pool": partial(_pool, nn.MaxPool2d),
    "avg_pool": partial(_pool, nn.AvgPool2d),
    "linear": _linear,
}


def _pooled(n: int, size: int, stride: int) -> int:
    """Return how many pools cover n pixels; the last one begins on a pixel."""
    return min(ceil((n - size) / stride), (n - 1) // stride) + 1


def _check_fits(after: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if min(after) < 1:
        channels, height, width = shape
        maps = f"{channels} maps of {height} x {width} pixels"
        raise ValueError(f"fit what goes into it, {maps}")


def _map(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) != 3:
        raise ValueError("come before any linear layer, which leaves no maps")
    return shape


def _pair(value: Any, least: int = 1) -> tuple[int, int]:
    pair = value if isinstance(value, Sequence) else (value, value)
    if len(pair) != 2 or not all(isinstance(n, Integral) and int(n) >= least for n in pair):
        raise TypeError
    return int(pair[0]), int(pair[1])


def _positive(value: Any) -> int:
    if not is_size(value):
        raise TypeError
    return int(value)
