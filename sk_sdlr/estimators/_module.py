"""Shrinking training of a torch module of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import wraps
from inspect import signature
from math import prod
from typing import Any, ClassVar, TypeVar

import torch
from torch import nn

from ..runs._seeding import seeded
from ._base import BaseShrinkingEstimator
from ._made_of import target_parameters
from ._rows import Rows, shape_of

PREFIX = "module__"
Estimator = TypeVar("Estimator", bound=type)


def takes_module_parameters(estimator: Estimator) -> Estimator:
    """Let the constructor take ``module__<name>=value`` for ``module_params={name: value}``."""
    plain: Callable[..., None] = vars(estimator)["__init__"]

    @wraps(plain)
    def __init__(self: Any, *args: Any, **params: Any) -> None:
        of_module = _take_out(params)
        plain(self, *args, **params)
        if of_module:
            self.module_params = (self.module_params or {}) | of_module

    setattr(estimator, "__init__", __init__)  # noqa: B010 - a checker of types allows no other way
    return estimator


@dataclass(kw_only=True, eq=False, repr=False)
class BaseModuleEstimator(BaseShrinkingEstimator):
    """What estimators on a module of the user's share."""

    module: Any = field(default=None, kw_only=False)
    module_params: dict | None = None

    _allow_nd: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict] = {
        **BaseShrinkingEstimator._parameter_constraints,
        "module": [callable],
        "module_params": [dict, None],
    }

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add those of the module, as ``module__<name>``, and of parameters that are
            estimators or policies themselves.

        Returns
        -------
        params : dict
            Names and values.
        """
        params = super().get_params(deep)
        if deep and isinstance(self.module_params, dict):
            params |= {PREFIX + name: value for name, value in (self.module_params or {}).items()}
        return params

    def set_params(self, **params: Any) -> BaseModuleEstimator:
        """Set parameters by name, those of the module as ``module__<name>``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If there is no parameter of that name.
        """
        of_module = _take_out(params)
        super().set_params(**params)
        if of_module:
            self.module_params = (self.module_params or {}) | of_module
        return self

    def _flat(self, X: Any, *, reset: bool) -> Any:
        shape = shape_of(X)[1:]
        if reset:
            self.input_shape_ = shape
        elif max(len(shape), len(self.input_shape_)) > 1 and shape != self.input_shape_:
            raise ValueError(
                f"X has rows of shape {shape}, but {type(self).__name__} is expecting rows of "
                f"shape {self.input_shape_} as input."
            )
        return X

    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        given = self.module_params or {}
        if isinstance(self.module, nn.Module):
            if given:
                raise ValueError(
                    f"module must be a class or a function to take {sorted(given)}. "
                    f"Got an instance of {type(self.module).__name__} instead."
                )
            return deepcopy(self.module), {}
        shapes = {
            "n_inputs": prod(rows.shape),
            "input_shape": rows.shape,
            "n_outputs": self._n_outputs(rows),
        }
        return self.module, _arguments(self.module, shapes, given)

    def _module_parameters(self, rows: Rows) -> dict[str, Any]:
        given = {PREFIX + name: value for name, value in (self.module_params or {}).items()}
        return target_parameters(self) | {"module": self.module} | given

    def _check_module(self, module: nn.Module, rows: Rows, device: str) -> None:
        _check_outputs(module, rows, self._n_outputs(rows), device)


def _take_out(params: dict[str, Any]) -> dict[str, Any]:
    """Remove the parameters of the module, and return them by their own names."""
    names = [name for name in params if name.startswith(PREFIX)]
    return {name.removeprefix(PREFIX): params.pop(name) for name in names}


def _arguments(
    module: Callable[..., Any], shapes: dict[str, Any], given: dict[str, Any]
) -> dict[str, Any]:
    """Return the parameters that are given, and of the shapes those that the module asks for."""
    asked = signature(module)
    arguments = {key: value for key, value in shapes.items() if key in asked.parameters} | given
    try:
        asked.bind(**arguments)
    except TypeError as error:
        raise ValueError(
            f"module must take what is given to it as {PREFIX}<name>, and want nothing else but "
            f"{', '.join(shapes)}. Got {getattr(module, '__name__', module)}: {error}."
        ) from None
    return arguments


@torch.no_grad()
def _check_outputs(module: Any, rows: Rows, n_outputs: int, device: str) -> None:
    """Raise ValueError unless the module makes of one row what the loss wants."""
    try:
        with seeded(0, device):  # a module that draws leaves no trace, in no other thread either
            got = module.eval()(torch.as_tensor(rows.X[:1].copy(), device=device))
    except RuntimeError as error:  # torch's word for shapes that do not go together
        raise ValueError(
            f"module must take rows of shape {rows.X.shape[1:]}. "
            f"{type(module).__name__} raises {error}"
        ) from error
    if not isinstance(got, torch.Tensor) or tuple(got.shape) != (1, n_outputs):
        shape = tuple(got.shape) if isinstance(got, torch.Tensor) else type(got).__name__
        raise ValueError(
            f"module must return outputs of shape (n_samples, {n_outputs}) for these targets. "
            f"Got {shape} for one row instead."
        )
