"""From X and y to a trained net: what all estimators share."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context, is_regressor
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ..modules._batch_norm import min_batch_rows
from ..nets import ActiveSetNet
from ..policies import Policy
from ..runs._checks import check_min_rows
from ._constraints import CONSTRAINTS
from ._datasets import as_dataset, outputs_of
from ._devices import resolve_device
from ._dtypes import DTYPES, with_precision
from ._history import history_of
from ._made_of import check_module_unchanged, target_parameters
from ._net_parameters import net_parameters, set_input_shapes
from ._policies import resolve_policy
from ._rows import Rows, batch_size_for, shape_of
from ._validation_rows import check_validation_arguments


@dataclass(kw_only=True, eq=False, repr=False)
class BaseShrinkingEstimator(BaseEstimator, metaclass=ABCMeta):
    """Base of the estimators. It holds a skorch net, ``net_``, and is none.

    Estimators are dataclasses: their fields are their parameters, those of the bases included.
    Subclasses say what the module is (`_module`); one of two mixins says what targets are
    (`_encode`, `_targets`, `_criterion`) and what outputs mean.
    """

    s: float = 0.2
    t: int | float | str = "auto"
    alpha: float | None = 0.5
    policy: Policy | None = None
    optimizer: Any = "adamw"
    lr: float = 0.002
    momentum: float | str = "auto"
    betas: Any = "auto"
    weight_decay: float | str = "auto"
    lr_schedule: Any = "linear"
    weight_average: float | None = None
    full_at_end: float = 0.1
    batch_size: int | str = "auto"
    max_epochs: int = 30
    max_passes: float | None = None
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    tol: float = 1e-4
    device: Any = "auto"
    dtype: str = "float32"
    n_threads: int | None = None
    warm_start: bool = False
    callbacks: list | None = None
    verbose: int | bool = 0
    random_state: Any = None

    _stratify: ClassVar[bool] = False
    _allow_nd: ClassVar[bool] = False
    _net_class: ClassVar[type[ActiveSetNet]] = ActiveSetNet
    _parameter_constraints: ClassVar[dict] = CONSTRAINTS

    @abstractmethod
    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        """Return the module's class and its parameters for these data."""

    def _module_parameters(self, rows: Rows) -> dict[str, Any]:
        """Return those of the parameters that must not change while the module is trained on."""
        own, params = self.get_params(deep=False), self._module(rows)[1]
        return target_parameters(self) | {name: params[name] for name in params if name in own}

    @abstractmethod
    def _encode(self, y: Any, *, reset: bool) -> np.ndarray:
        """Check y and return it as numbers; `reset` its coding or keep to what is known."""

    @abstractmethod
    def _targets(self, rows: Rows, *, reset: bool) -> np.ndarray:
        """Return the numbers of `_encode` as the loss wants them."""

    @abstractmethod
    def _criterion(self) -> type[nn.Module]:
        """Return the loss."""

    @abstractmethod
    def _n_outputs(self, rows: Rows) -> int:
        """Return the number of outputs."""

    def _check_parameters(self) -> None:
        """Raise ValueError if parameters are out of range that no constraint can tell."""
        resolve_policy(self)
        resolve_device(self.device, self.dtype)

    def _param_groups(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what the optimiser has for parameters of other names, as skorch takes it."""
        return []

    def _learn_classes(self, classes: Any) -> None:
        """Check the classes that partial_fit is given, and note them at its first call."""

    def _class_weight(self, y: Any) -> np.ndarray | None:
        """Return the weight of each sample by its class, if any."""
        return None

    def _check_module(self, module: nn.Module, rows: Rows, device: str) -> None:
        """Raise ValueError if a new module does not go with the data."""

    def _lay_out(self, module: nn.Module, device: str) -> None:
        """Bring the module to the type, and the order in memory, that it is trained in."""
        module.to(DTYPES[self.dtype][1])

    def _pretrain(self, module: nn.Module, rows: Rows, device: str, seed: int) -> None:
        """Train a new module without targets."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> BaseShrinkingEstimator:
        """Train the net.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Features, best with mean 0 and standard deviation 1; for convolutional nets also images,
            (n_samples, channels, height, width), and for a module of your own any shape.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the loss. Rows of weight 0 are removed before training.
        X_val : array-like of shape (n_val, ...), default=None
            Features of validation rows, of which ``history_`` gets the loss. With `early_stopping`
            they take the place of `validation_fraction`.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation rows.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation rows.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid; nothing is changed then.
        FloatingPointError
            If the loss or the weights become NaN or infinite; ``net_`` then holds the weights from
            before the epoch in which they did.
        """
        with self._unchanged_by_errors():
            self._check_parameters()
            check_validation_arguments(X_val, y_val, sample_weight_val)
            before = getattr(self, "net_", None) if self.warm_start else None
            is_new = before is None
            rows = self._check_rows(X, y, sample_weight, reset=is_new, reset_y=is_new)
            seed, held_out = check_random_state(self.random_state).randint(2**31 - 1), None
            if X_val is not None:
                held_out = self._check_rows(X_val, y_val, sample_weight_val)
            elif self.early_stopping:
                rows, held_out = rows.split(self.validation_fraction, self._stratify, seed)
            batch_size = batch_size_for(len(rows), self.batch_size)
            if len(rows) <= batch_size:
                rows = rows.merged()
            train = self._dataset(rows, reset=is_new)
            valid = None if held_out is None else self._dataset(held_out, reset=False)
            self.net_ = self._make_net(rows, batch_size, seed, before)
        return self._train(train, valid)

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Any:
        """Visit each row once, at the learning rate `lr`."""
        with self._unchanged_by_errors():
            self._learn_classes(classes)
            if self.early_stopping:
                raise ValueError("partial_fit does not support early_stopping=True.")
            self._check_parameters()
            before = getattr(self, "net_", None)
            rows = self._check_rows(X, y, sample_weight, reset=before is None)
            train = self._dataset(rows, reset=before is None)
            seed = check_random_state(self.random_state).randint(2**31 - 1)
            batch_size = batch_size_for(len(rows), self.batch_size)
            self.net_ = self._make_net(rows, batch_size, seed, before, single_epoch=True)
        return self._train(train, None)

    @contextmanager
    def _unchanged_by_errors(self) -> Iterator[None]:
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _check_rows(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool = False, reset_y: bool = False
    ) -> Rows:
        shape = shape_of(X)[1:]
        X, y = validate_data(
            self,
            self._flat(X, reset=reset),
            y,
            dtype=DTYPES[self.dtype][0],
            order="C",
            allow_nd=self._allow_nd,
            multi_output=True,
            reset=reset,
            y_numeric=is_regressor(self),
        )
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
        by_class = self._class_weight(y)
        if by_class is not None:
            weight = by_class if weight is None else weight * by_class
        return Rows(X, self._encode(y, reset=reset_y), weight, shape).without_weightless()

    def _flat(self, X: Any, *, reset: bool) -> Any:
        """Return X as it is to be checked, if its rows have a shape that is new or as learnt."""
        return X

    def _make_net(
        self,
        rows: Rows,
        batch_size: int,
        seed: int,
        before: ActiveSetNet | None,
        *,
        single_epoch: bool = False,
    ) -> ActiveSetNet:
        """Return a net for one run: a new one, or one that goes on with the module of another."""
        device, made_of = resolve_device(self.device, self.dtype), self._module_parameters(rows)
        params = net_parameters(self, batch_size, seed, device, single_epoch=single_epoch)
        if before is None:
            module, module_params = self._module(rows)
        else:
            check_module_unchanged(type(self).__name__, self._made_of, made_of)
            module, module_params = before.module, before.get_params_for("module")
        params |= {f"module__{name}": value for name, value in module_params.items()}
        net = self._net_class(module, self._criterion(), **params)
        if before is not None:
            check_min_rows(len(rows), batch_size, min_batch_rows(before.module_))
            self._lay_out(before.module_, device)
            return with_precision(net.initialize_from(before), self.dtype)
        self._made_of: dict[str, Any] = made_of
        set_input_shapes(net.initialize(), rows.X)
        check_min_rows(len(rows), batch_size, min_batch_rows(net.module_))
        self._lay_out(net.module_, device)
        self._check_module(net.module_, rows, device)
        self._pretrain(net.module_, rows, device, seed + 1)
        return with_precision(net, self.dtype)

    def _train(self, train: TensorDataset, valid: TensorDataset | None) -> BaseShrinkingEstimator:
        X, y, *weight = train.tensors
        try:
            self.net_.partial_fit(X, y, sample_weight=weight[0] if weight else None, valid=valid)
        finally:
            self.history_ = history_of(self.net_)
            self.loss_curve_ = [row["train_loss"] for row in self.history_]
            self.n_iter_ = len(self.history_)
        return self

    def _dataset(self, rows: Rows, *, reset: bool) -> TensorDataset:
        rows = rows.with_mean_weight_one()
        return as_dataset(rows, self._targets(rows, reset=reset))

    def _outputs(self, X: Any) -> Tensor:
        """Return the module's outputs for X, on the CPU."""
        check_is_fitted(self)
        is_double = next(self.net_.module_.parameters()).dtype == torch.float64
        X = validate_data(
            self,
            self._flat(X, reset=False),
            dtype=np.float64 if is_double else np.float32,
            order="C",
            allow_nd=self._allow_nd,
            reset=False,
        )
        return outputs_of(self.net_, X)
