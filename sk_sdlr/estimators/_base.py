"""From X and y to a trained net: what all estimators share."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context, is_regressor
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from ..modules._batch_norm import least_rows
from ..policies import AutoRecall, Policy, ShrinkRecall
from ..training import ActiveSetNet
from ..training._rows import check_least
from ._devices import resolve_device
from ._early_stopping import EarlyStopping
from ._optimizers import OPTIMIZERS, resolve_optimizer
from ._precision import PRECISIONS, autocast_type
from ._rows import Rows, shape_of


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
    recall: bool = True
    policy: Policy | None = None
    optimizer: Any = "adamw"
    lr: float = 0.002
    momentum: float = 0.0
    weight_decay: float = 0.0
    lr_schedule: Any = "linear"
    anneal: float = 0.1
    batch_size: int | str = "auto"
    max_epochs: int = 30
    max_visits: float | None = None
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    tol: float = 1e-4
    device: Any = "auto"
    precision: str = "float32"
    n_threads: int | None = None
    warm_start: bool = False
    callbacks: list | None = None
    verbose: int | bool = 0
    random_state: Any = None

    _stratify: ClassVar[bool] = False
    _allow_nd: ClassVar[bool] = False
    _net_class: ClassVar[type[ActiveSetNet]] = ActiveSetNet

    _parameter_constraints: ClassVar[dict] = {
        "s": [Interval(Real, 0, 1, closed="left")],
        "t": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="right"),
        ],
        "alpha": [Interval(Real, 0, 1, closed="left"), None],
        "recall": ["boolean"],
        "policy": [HasMethods(["start", "update"]), None],
        "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "lr_schedule": [StrOptions({"linear", "cosine"}), callable, None],
        "anneal": [Interval(Real, 0, 1, closed="both")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "max_visits": [Interval(Real, 0, None, closed="neither"), None],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "device": [str, torch.device],
        "precision": [StrOptions(set(PRECISIONS))],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "warm_start": ["boolean"],
        "callbacks": [list, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    @abstractmethod
    def _module(self, rows: Rows) -> tuple[Any, dict[str, Any]]:
        """Return the module's class and its parameters for these data."""

    @abstractmethod
    def _encode(self, y: Any, *, learn: bool) -> np.ndarray:
        """Check y and return it as numbers; `learn` its coding or keep to what was learnt."""

    @abstractmethod
    def _targets(self, rows: Rows, *, learn: bool) -> np.ndarray:
        """Return the numbers of `_encode` as the loss wants them."""

    @abstractmethod
    def _criterion(self) -> type[nn.Module]:
        """Return the loss."""

    @abstractmethod
    def _output_activation(self) -> str:
        """Return what the module's outputs are; raise ValueError if the loss is for others."""

    @abstractmethod
    def _n_outputs(self, rows: Rows) -> int:
        """Return the number of outputs."""

    def _check_parameters(self) -> None:
        """Raise ValueError if parameters are out of range that no constraint can tell."""
        self._output_activation()

    def _class_weight(self, y: Any) -> np.ndarray | None:
        """Return the weight of each sample by its class, if any."""
        return None

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> BaseShrinkingEstimator:
        """Train the net.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ...)
            Features, best with mean 0 and standard deviation 1; for convolutional nets also images,
            (n_samples, channels, height, width), and for a module of your own any shape.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the loss. Rows of weight 0 are not there at all.

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
            device, policy = self._device(), self._policy()
            again = self.warm_start and hasattr(self, "net_")
            rows = self._check_rows(X, y, sample_weight, first=not again, learn=not again)
            seed = check_random_state(self.random_state).randint(2**31 - 1)
            held_out = None
            if self.early_stopping:
                rows, held_out = rows.split(self.validation_fraction, self._stratify, seed)
            batch_size = self._batch_size(len(rows))
            if len(rows) <= batch_size:
                rows = rows.merged()
            train = self._dataset(rows, learn=not again)
            valid = None if held_out is None else self._dataset(held_out, learn=False)
            if not again:
                self.net_ = self._make_net(rows, device, seed)
            check_least(len(rows), batch_size, least_rows(self.net_.module_))
        self._train(train, valid, policy=policy, batch_size=batch_size)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> BaseShrinkingEstimator:
        """Visit each row once, at the learning rate `lr`."""
        with self._unchanged_by_errors():
            self._check_parameters()
            self._policy()
            device, first = self._device(), not hasattr(self, "net_")
            rows = self._check_rows(X, y, sample_weight, first=first, learn=False)
            train, batch_size = self._dataset(rows, learn=first), self._batch_size(len(rows))
            if first:
                seed = check_random_state(self.random_state).randint(2**31 - 1)
                self.net_ = self._make_net(rows, device, seed)
            check_least(len(rows), batch_size, least_rows(self.net_.module_))
        self._train(train, None, policy=None, batch_size=batch_size, once=True)
        return self

    @contextmanager
    def _unchanged_by_errors(self) -> Iterator[None]:
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _device(self) -> str:
        device = resolve_device(self.device, self.precision)
        autocast_type(self.precision, device)  # an error, if it is one, comes before any work
        return device

    def _dtype(self, first: bool) -> Any:
        """Return numpy's type of the features: that of a net which is there, or is to be made."""
        if first:
            return PRECISIONS[self.precision][0]
        dtype = next(self.net_.module_.parameters()).dtype
        return np.float64 if dtype == torch.float64 else np.float32

    def _policy(self) -> Policy:
        if isinstance(self.policy, type):
            raise ValueError(
                f"policy must be an object, not a class, however: policy={self.policy!r}."
            )
        if self.policy is not None:
            return self.policy
        if isinstance(self.t, str) and self.recall:
            return AutoRecall(self.s, self.alpha)
        t = 0.2 if isinstance(self.t, str) else self.t
        return ShrinkRecall(self.s, t, self.alpha, self.recall)

    def _batch_size(self, n_samples: int) -> int:
        if not isinstance(self.batch_size, str):
            return min(self.batch_size, n_samples)
        if n_samples <= 32:  # a single batch, in which weights count exactly as repetitions do
            return 32
        # Small tables need enough updates, large ones full vectors.
        return int(np.clip(2 ** int(np.log2(max(n_samples / 50, 1))), 16, 256))

    def _check_rows(self, X: Any, y: Any, sample_weight: Any, *, first: bool, learn: bool) -> Rows:
        shape = shape_of(X)[1:]
        X, y = validate_data(
            self,
            self._flat(X, learn=first),
            y,
            dtype=self._dtype(first),
            order="C",
            allow_nd=self._allow_nd,
            multi_output=True,
            reset=first,
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
        return Rows(X, self._encode(y, learn=learn), weight, shape).without_weightless()

    def _flat(self, X: Any, *, learn: bool) -> Any:
        """Return X as it is to be checked, if its rows have a shape that is new or as learnt."""
        return X

    def _make_net(self, rows: Rows, device: str, seed: int) -> ActiveSetNet:
        module, module_params = self._module(rows)
        optimizer, optimizer_params = resolve_optimizer(
            self.optimizer, self.momentum, self.weight_decay, device
        )
        callbacks = list(self.callbacks or [])
        if self.early_stopping:
            callbacks.append(
                EarlyStopping(
                    patience=self.n_iter_no_change,
                    threshold=self.tol,
                    threshold_mode="abs",
                    load_best=True,
                )
            )
        net = self._net_class(
            module,
            self._criterion(),
            optimizer=optimizer,
            lr=self.lr,
            callbacks=callbacks,
            device=device,
            verbose=int(self.verbose),
            n_threads=self.n_threads,
            random_state=seed,
            **{f"module__{name}": value for name, value in module_params.items()},
            **{f"optimizer__{name}": value for name, value in optimizer_params.items()},
        )
        net.initialize()
        net.module_.to(PRECISIONS[self.precision][1])
        self._prepare(net.module_, rows, device, seed + 1)
        return net

    def _prepare(self, module: nn.Module, rows: Rows, device: str, seed: int) -> None:
        """Check the new module, or make it ready to train."""

    def _train(
        self,
        train: TensorDataset,
        valid: TensorDataset | None,
        *,
        policy: Policy | None,
        batch_size: int,
        once: bool = False,
    ) -> None:
        net = self.net_
        net.policy, net.batch_size, net.verbose = policy, batch_size, int(self.verbose)
        net.autocast = autocast_type(self.precision, str(net.device))
        net.lr_schedule = None if once else self.lr_schedule
        net.anneal = 0.0 if once else self.anneal
        net.max_visits = None if once else self.max_visits
        for group in net.optimizer_.param_groups:
            group["lr"] = self.lr
        epochs = 1 if once else self.max_epochs
        try:
            net.partial_fit(train, epochs=epochs, valid=valid)
        finally:
            self.history_ = [
                {key: value for key, value in row.items() if key != "batches"}
                for row in net.history.to_list()
            ]
            self.loss_curve_ = [row["train_loss"] for row in self.history_]
            self.n_iter_ = len(self.history_)

    def _dataset(self, rows: Rows, *, learn: bool) -> TensorDataset:
        rows = rows.with_mean_weight_one()
        tensors = [_as_tensor(rows.X), _as_tensor(self._targets(rows, learn=learn))]
        if rows.weight is not None:
            tensors.append(torch.as_tensor(rows.weight, dtype=tensors[0].dtype))
        return TensorDataset(*tensors)

    def _outputs(self, X: Any) -> Tensor:
        """Return the module's outputs for X, on the CPU."""
        check_is_fitted(self)
        X = validate_data(
            self,
            self._flat(X, learn=False),
            dtype=self._dtype(first=False),
            order="C",
            allow_nd=self._allow_nd,
            reset=False,
        )
        return self.net_.forward(TensorDataset(_as_tensor(X), torch.empty(len(X))))


def _as_tensor(array: np.ndarray) -> Tensor:
    """Return a tensor on the same memory; torch wants it to be writeable, which it need not be."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())
