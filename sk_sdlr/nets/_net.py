"""The skorch net that trains on an active set: a thin face of Run."""

from __future__ import annotations

from contextlib import closing
from dataclasses import fields
from typing import Any

import torch
from sklearn.utils import check_random_state
from skorch import NeuralNet
from skorch.callbacks import Callback, PrintLog
from skorch.utils import to_tensor
from torch import Generator, nn
from torch.utils.data import TensorDataset

from ..policies import Policy
from ..runs import Run, TrainingData, TrainingSettings
from ..runs._seeding import seeded
from ..steps import Objective
from ._batch_hooks import CallbackListener
from ._history import HistoryWriter, complete_epochs
from ._optimizer_state import take_over_state
from ._tensors import tensors_of
from ._warnings import report_end

PREDICT_BATCH_SIZE = 1024


class ActiveSetNet(NeuralNet):
    """A skorch net whose epochs visit the rows that a policy keeps active.

    It is skorch's face of :class:`~sk_sdlr.runs.Run`, whose docstring has the epoch in pseudocode.

    Parameters
    ----------
    module : nn.Module class or instance
        The net; its parameters are given as ``module__<name>``.
    criterion : nn.Module class, default=nn.CrossEntropyLoss
        The loss; must have a `reduction`, as all of torch's have.
    policy : Policy or None, default=None
        Chooses the rows of each epoch; None visits all rows.
    step : {"auto", "dense", "autograd"}, default="auto"
        See :class:`~sk_sdlr.runs.TrainingSettings`.
    lr_schedule : {"linear", "cosine", "constant_cosine"}, callable or None, default=None
        See :class:`~sk_sdlr.runs.TrainingSettings`.
    weight_average : float or None, default=None
        See :class:`~sk_sdlr.runs.TrainingSettings`. Callbacks see the weights that are trained.
    full_at_end : float, default=0.0
        The last share of the run, in [0, 1], that visits all rows.
    max_passes : float or None, default=None
        Bounds the row visits, in units of the number of rows, in place of `max_epochs`.
    autocast : torch.dtype or None, default=None
        See :class:`~sk_sdlr.runs.TrainingSettings`.
    fp32_precision : {"bf16"} or None, default=None
        See :class:`~sk_sdlr.runs.TrainingSettings`.
    n_threads : int or None, default=None
        See :class:`~sk_sdlr.runs.TrainingSettings`.
    n_iter_no_change : int or None, default=None
        See :class:`~sk_sdlr.runs.TrainingSettings`.
    tol : float, default=0.0
        See :class:`~sk_sdlr.runs.TrainingSettings`.
    random_state : int, RandomState or None, default=None
        The only source of randomness; torch's global state is left as it was.
    train_split : callable or None, default=None
        Makes a validation set of the training data, as in skorch.
    **kwargs : dict
        Everything else that :class:`skorch.NeuralNet` takes.

    Notes
    -----
    The hooks ``on_batch_begin``, ``on_batch_end`` and ``on_grad_computed`` are called only if a
    callback overrides them. ``history`` has one record an epoch and none a batch. A fit that
    diverges raises, with the weights as they were before the epoch that did.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sk_sdlr.policies import ShrinkRecall
    >>> from sk_sdlr.nets import ActiveSetNet
    >>> X = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    >>> y = (X[:, 0] > 0).astype("int64")
    >>> policy = ShrinkRecall(t=0.2, alpha=None)
    >>> net = ActiveSetNet(nn.Linear(3, 2), nn.CrossEntropyLoss, policy=policy, max_epochs=5,
    ...                    full_at_end=0.2, verbose=0, random_state=0).fit(X, y)
    >>> net.history[:, "n_active"]
    [200, 160, 128, 103, 200]
    """

    def __init__(
        self,
        module: Any,
        criterion: Any = nn.CrossEntropyLoss,
        *,
        policy: Policy | None = None,
        step: str = "auto",
        lr_schedule: Any = None,
        weight_average: float | None = None,
        full_at_end: float = 0.0,
        max_passes: float | None = None,
        autocast: torch.dtype | None = None,
        fp32_precision: str | None = None,
        n_threads: int | None = None,
        n_iter_no_change: int | None = None,
        tol: float = 0.0,
        random_state: Any = None,
        train_split: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(module, criterion, train_split=train_split, **kwargs)
        self.policy = policy
        self.step = step
        self.lr_schedule = lr_schedule
        self.weight_average = weight_average
        self.full_at_end = full_at_end
        self.max_passes = max_passes
        self.autocast = autocast
        self.fp32_precision = fp32_precision
        self.n_threads = n_threads
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.random_state = random_state

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        return [("print_log", PrintLog())] if self.verbose else []

    module_: nn.Module
    callbacks_: list[Any]
    history_: Any
    # The net whose training this one goes on with, while it is initialised.
    _predecessor: ActiveSetNet | None = None

    def initialize(self) -> ActiveSetNet:
        """Initialise module, criterion, optimiser and callbacks, from `random_state` alone."""
        with seeded(self._draw_seed(), self.device):
            super().initialize()
        return self

    def initialize_from(self, net: ActiveSetNet) -> ActiveSetNet:
        """Initialise, but go on with another net's module, history and callbacks.

        Parameters
        ----------
        net : ActiveSetNet
            A net on such a module; it is not to be used any more. The state of its optimiser is
            taken over if this net has one of the same class.

        Returns
        -------
        self : ActiveSetNet
            This net.
        """
        self._predecessor = net
        try:
            self.initialize()
        finally:
            del self._predecessor
        self.history_ = net.history_
        if type(self.optimizer_) is type(net.optimizer_):
            take_over_state(self.optimizer_, net.optimizer_)
        return self

    def initialize_module(self) -> ActiveSetNet:
        """Make the module; raise ValueError if what is made is none."""
        if self._predecessor is not None:
            self.module_ = self._predecessor.module_
            return self
        super().initialize_module()
        if not isinstance(self.module_, nn.Module):
            raise ValueError(
                f"module must be or make an nn.Module. Got {type(self.module_).__name__} instead."
            )
        return self

    def initialize_optimizer(self) -> ActiveSetNet:
        """Make the optimiser, and note the rates that it begins with."""
        super().initialize_optimizer()
        for group in self.optimizer_.param_groups:
            group.setdefault("initial_lr", group["lr"])  # where schedulers that go on look for it
        return self

    def initialize_callbacks(self) -> ActiveSetNet:
        """Make the callbacks, but keep the state of those that a predecessor has already."""
        before = self._predecessor
        if before is None or self._given_callbacks() != before._given_callbacks():
            return super().initialize_callbacks()
        self.callbacks_ = before.callbacks_
        return self

    def _given_callbacks(self) -> tuple[bool, list[int]]:
        return bool(self.verbose), [id(callback) for callback in self.callbacks or []]

    def _set_params_callback(self, **params: Any) -> ActiveSetNet:
        # skorch wants a callback to be there already; a silent net may have none.
        if "callbacks" in params:
            self.callbacks = params.pop("callbacks")
            self._initialize_callbacks()
        return super()._set_params_callback(**params) if params else self

    def _initialize_module(self, reason: str | None = None) -> Any:
        # A callback such as InputShapeSetter may set a parameter of the module that is there.
        if reason is None:
            return super()._initialize_module()
        with seeded(self._draw_seed(), self.device):
            return super()._initialize_module(reason)

    def _draw_seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return an iterator for prediction and validation; training does not ask for one."""
        X, y = tensors_of(dataset, self.device)[:2]
        size = max(self.batch_size, PREDICT_BATCH_SIZE)
        return zip(X.split(size), y.split(size), strict=True)

    def fit_loop(
        self,
        X: Any,
        y: Any = None,
        epochs: int | None = None,
        *,
        sample_weight: Any = None,
        valid: Any = None,
        _routing_method: str = "fit",
        **fit_params: Any,
    ) -> ActiveSetNet:
        """Run the epochs.

        Parameters
        ----------
        X : ndarray, Tensor or TensorDataset
            Features of shape (n_samples, ...); or a TensorDataset of them, targets and, where
            there are any, sample weights.
        y : ndarray or Tensor of shape (n_samples, ...), optional
            Targets.
        epochs : int, optional
            In place of `max_epochs`.
        sample_weight : ndarray or Tensor of shape (n_samples,), optional
            Weights of the samples.
        valid : TensorDataset, optional
            Validation set, in place of what `train_split` makes.
        **fit_params : dict
            Passed to `train_split`.

        Returns
        -------
        self : ActiveSetNet
            This net.

        Raises
        ------
        FloatingPointError
            If the loss or the weights become NaN or infinite.
        """
        settings = self._make_settings(epochs)
        self.check_data(X, y)
        self.check_training_readiness()
        if sample_weight is not None:
            X, y = TensorDataset(*(to_tensor(a, "cpu") for a in (X, y, sample_weight))), None
        train, split = self.get_split_datasets(X, y, **fit_params)
        valid = split if valid is None else valid
        listener = CallbackListener(self, train, valid)
        run = self._make_run(train, valid, settings, listener)
        writer = HistoryWriter(self.history)
        with closing(complete_epochs(run, self.history)) as records:
            for record in records:
                writer.write(record)
                self.notify("on_epoch_end", **listener.datasets)
        report_end(run, verbose=bool(self.verbose))
        return self

    def _make_settings(self, epochs: int | None) -> TrainingSettings:
        settings = {field.name: getattr(self, field.name) for field in fields(TrainingSettings)}
        return TrainingSettings(**settings | ({} if epochs is None else {"max_epochs": epochs}))

    def _make_run(
        self, train: Any, valid: Any, settings: TrainingSettings, listener: CallbackListener
    ) -> Run:
        # Each call goes on with new random numbers, so that partial fits differ.
        seed = self._draw_seed() + len(self.history)
        return Run(
            self.module_,
            self._objective(),
            self.optimizer_,
            TrainingData(*tensors_of(train, self.device)),
            settings,
            policy=self.policy,
            generator=Generator().manual_seed(seed),
            validation=None if valid is None else TrainingData(*tensors_of(valid, self.device)),
            listener=listener,
        )

    def _objective(self) -> Objective:
        return Objective(self.criterion_)

    def _scored_targets(self, y: Any) -> Any:
        """Return targets as predictions are compared with them; callbacks get these."""
        return y
