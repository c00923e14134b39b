"""Shrinking convolutional neural networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils._param_validation import Interval
from torch import nn

from ..modules import CNN
from ..modules._cnn import check_image_shape
from ._base import BaseShrinkingEstimator
from ._dtypes import autocast_type
from ._images import image_shape_of
from ._rows import Rows, shape_of


@dataclass(kw_only=True, eq=False, repr=False)
class BaseCNN(BaseShrinkingEstimator):
    """What estimators on a convolutional net share."""

    layers: Any = field(default="small", kw_only=False)
    image_shape: Any = None
    dropout: float = 0.2
    batch_norm: bool = True

    _parameter_constraints: ClassVar[dict] = {
        **BaseShrinkingEstimator._parameter_constraints,
        "layers": [str, list, tuple],
        "image_shape": [list, tuple, None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "batch_norm": ["boolean"],
    }

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.image_shape is not None:
            check_image_shape(type(self).__name__, self.image_shape)

    def _flat(self, X: Any, *, reset: bool) -> Any:
        shape = shape_of(X)
        if len(shape) > 1 and 0 not in shape:  # which scikit-learn has its own words for
            self._check_images(shape[1:], reset)
        return X if len(shape) < 3 else np.asarray(X).reshape(shape[0], prod(shape[1:]))

    def _check_images(self, row: tuple[int, ...], reset: bool) -> None:
        """Raise ValueError if rows of this shape are no images, or not those that were learnt."""
        if reset:
            image = image_shape_of(row, self.image_shape)
            try:
                with torch.device("meta"):  # an error, if it is one, comes before any work
                    CNN(image, 1, layers=self.layers)
            except ValueError as error:
                if len(row) == 3 or self.image_shape is not None:
                    raise
                raise ValueError(
                    f"{error} X has {row[0]} features and image_shape is None, so that a row is "
                    f"taken as an image of shape {image}; image_shape=(channels, height, width) "
                    "says what it is."
                ) from None
            self.image_shape_ = image
        elif len(row) > 1 and row != self.image_shape_:
            raise ValueError(
                f"X has rows of shape {row}, but {type(self).__name__} is expecting images "
                f"of shape {self.image_shape_} or {prod(self.image_shape_)} features as input."
            )

    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        return CNN, {
            "image_shape": self.image_shape_,
            "n_outputs": self._n_outputs(rows),
            "layers": self.layers,
            "output_activation": self._output_activation(),
            "dropout": self.dropout,
            "batch_norm": self.batch_norm,
        }

    def _module_parameters(self, rows: Rows) -> dict[str, Any]:
        params = super()._module_parameters(rows)
        return params | ({} if self.image_shape is None else {"image_shape": (*self.image_shape,)})

    def _lay_out(self, module: nn.Module, device: str) -> None:
        super()._lay_out(module, device)
        # Float32 on CUDA, without tensor cores, is faster with channels first.
        if device == "cpu" or autocast_type(self.dtype, device):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
