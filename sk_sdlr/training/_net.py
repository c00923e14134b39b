"""The skorch net that trains on an active set; its docstring is the epoch in pseudocode."""

from __future__ import annotations

from math import isfinite
from time import perf_counter
from typing import Any

import torch
from sklearn.utils import check_random_state
from skorch import NeuralNet
from skorch.callbacks import Callback, PrintLog
from torch import Tensor, nn

from ..modules._batch_norm import least_rows
from ..policies import EpochReport, FullData, Policy
from ..policies._base import OUTPUT_ERROR
from ._batches import sequential_batches
from ._complete_epochs import only_complete, word_if_in_mid_cycle, word_if_interrupted
from ._dense_step import DenseStep, dense_step_applies
from ._isolation import choose_threads, seeded, step_flops, threads
from ._output_errors import has_bounded_outputs
from ._rows import TrainingRows
from ._schedule import Budget, LearningRate
from ._settings import check_settings
from ._snapshot import Snapshot
from ._steps import AutogradStep, Step
from ._tensors import tensors_of
from ._validation import validate
from ._watching import BATCH_HOOKS, EPOCH_HOOKS, WatchedStep, is_watched

PREDICT_BATCH_SIZE = 1024


class ActiveSetNet(NeuralNet):
    """A skorch net whose epochs visit the rows that a policy keeps active.

    The run, in pseudocode; each line is a method or a call of this class::

        active = policy.start(n_samples)
        until the budget of epochs or visits is spent:
            notify("on_epoch_begin")
            rows  = active rows in random order; all rows in the annealed last share
            error = step(batch) for each batch of rows       # no host sync
            valid = errors of the validation set, if there is one
            active = policy.update(active, error)
            history.record(...)                              # once an epoch
            notify("on_epoch_end")

    Parameters
    ----------
    module : nn.Module class or instance
        The net; its parameters are given as ``module__<name>``.
    criterion : nn.Module class, default=nn.CrossEntropyLoss
        The loss; see :func:`per_sample_error`.
    policy : Policy or None, default=None
        Chooses the rows of each epoch; None visits all rows.
    step : {"auto", "dense", "autograd"}, default="auto"
        How a batch is trained on. "auto" takes :class:`DenseStep` where it applies and no callback
        asks for gradients.
    lr_schedule : {"linear", "cosine"}, callable or None, default=None
        See :class:`LearningRate`.
    anneal : float, default=0.0
        The last share of the run, in [0, 1], that visits all rows.
    max_visits : float or None, default=None
        Bounds the row visits, in units of the number of rows, in place of `max_epochs`.
    autocast : torch.dtype or None, default=None
        What the module's products are computed in while it trains (``torch.autocast``); None: in
        its own type. Losses and predictions are always in its own.
    n_threads : int or None, default=None
        Torch threads while training on the CPU; None: by the size of a step.
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
    >>> from sk_sdlr.training import ActiveSetNet
    >>> X = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    >>> y = (X[:, 0] > 0).astype("int64")
    >>> policy = ShrinkRecall(t=0.2, alpha=None)
    >>> net = ActiveSetNet(nn.Linear(3, 2), nn.CrossEntropyLoss, policy=policy, max_epochs=5,
    ...                    anneal=0.2, verbose=0, random_state=0).fit(X, y)
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
        anneal: float = 0.0,
        max_visits: float | None = None,
        autocast: torch.dtype | None = None,
        n_threads: int | None = None,
        random_state: Any = None,
        train_split: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(module, criterion, train_split=train_split, **kwargs)
        self.policy = policy
        self.step = step
        self.lr_schedule = lr_schedule
        self.anneal = anneal
        self.max_visits = max_visits
        self.autocast = autocast
        self.n_threads = n_threads
        self.random_state = random_state

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        # It lays out its table even when it is not to print it, at 0.2 ms an epoch.
        return [("print_log", PrintLog())] if self.verbose else []

    # The step of the run in progress; DenseStep holds the weights while it is open.
    _open_step: Step | None = None

    def initialize(self) -> ActiveSetNet:
        """Initialise module, criterion, optimiser and callbacks, from `random_state` alone."""
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        with seeded(seed, self.device):
            super().initialize()
        return self

    def initialize_module(self) -> ActiveSetNet:
        """Make the module; raise ValueError if what is made is none."""
        super().initialize_module()
        if not isinstance(self.module_, nn.Module):
            raise ValueError(
                "module must be or make an nn.Module, "
                f"however: it makes {type(self.module_).__name__}."
            )
        return self

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return an iterator for prediction and validation; training does not ask for one."""
        tensors = tensors_of(dataset, self.device)[:2]
        return sequential_batches(tensors, self._prediction_batch_size)

    @property
    def _prediction_batch_size(self) -> int:
        return max(self.batch_size, PREDICT_BATCH_SIZE)

    def fit_loop(
        self,
        X: Any,
        y: Any = None,
        epochs: int | None = None,
        *,
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
        check_settings(self)
        self.check_data(X, y)
        self.check_training_readiness()
        train, split = self.get_split_datasets(X, y, **fit_params)
        valid = split if valid is None else valid
        data = tensors_of(train, self.device)
        held_out = None if valid is None else tensors_of(valid, self.device)
        epochs = self.max_epochs if epochs is None else epochs
        budget = Budget(data[0].shape[0], epochs, self.max_visits, self.anneal)
        # Each call goes on with new random numbers, so that partial fits differ.
        seed = check_random_state(self.random_state).randint(2**31 - 1) + len(self.history)
        datasets = {"dataset_train": train, "dataset_valid": valid}
        rate = LearningRate(self.optimizer_, self.lr_schedule)
        try:
            with seeded(seed, self.device) as generator, threads(self._n_threads(data[0])):
                self._run(data, held_out, budget, rate, generator, datasets)
        finally:
            self._close_step()
            rate.restore()
        return self

    def _run(
        self,
        data: tuple[Tensor, ...],
        held_out: tuple[Tensor, ...] | None,
        budget: Budget,
        rate: LearningRate,
        generator: torch.Generator,
        datasets: dict[str, Any],
    ) -> None:
        policy, good = self.policy or FullData(), Snapshot(self.module_)
        dtype = next(self.module_.parameters()).dtype
        rows = TrainingRows(
            data,
            self.batch_size,
            dtype,
            least_rows(self.module_),
            keep_outputs=OUTPUT_ERROR in getattr(policy, "needs", ()),
            is_bounded=self._has_bounded_outputs,
        )
        active = everything = policy.start(budget.n_samples).to(self.device)
        watched, n_active = is_watched(self, EPOCH_HOOKS), budget.n_samples
        while not budget.over and budget.affordable(rows.least) == rows.least:
            with only_complete(self.history):
                self.notify("on_epoch_begin", **datasets)
                began = perf_counter()
                n_active = active.index.shape[0]
                if n_active < rows.least or budget.annealing(n_active):
                    active, n_active = everything, budget.n_samples
                rate.set(budget.progress)
                lr = rate.current
                good.save()
                with word_if_interrupted(self.history):
                    step = self._step(data[1])
                    errors = rows.visit(active, step, budget, generator, rate.set)
                    record = self._judge(errors, held_out, lr, good)
                budget.spend(record["n_active"])
                if not budget.over and not budget.annealing(1):
                    active = policy.update(active, errors, generator=generator).to(self.device)
                    record["threshold"] = active.threshold
                record |= {"lr": lr, "duration": perf_counter() - began}
                rate.after_epoch(record.get("valid_loss", record["train_loss"]))
            if watched:  # whoever looks between two epochs sees everything as torch has it
                self._close_step()
            self._end_epoch(record, datasets)
        word_if_in_mid_cycle(n_active, budget.n_samples)

    def _end_epoch(self, record: dict[str, Any], datasets: dict[str, Any]) -> None:
        row = self.history[-1]
        # Some of skorch's callbacks want to see a last batch; this is all there is of it.
        row["batches"] = row["batches"] or [{}]
        row.update(record)
        self.notify("on_epoch_end", **datasets)

    def _judge(
        self,
        errors: EpochReport,
        held_out: tuple[Tensor, ...] | None,
        lr: float,
        good: Snapshot,
    ) -> dict[str, Any]:
        """Return the losses of the epoch; raise if they, or the weights, are not finite."""
        # A sum is finite if its terms are; all of them are one question to the device.
        sums = torch.stack([tensor.sum() for tensor in (errors.error, *good.weights())]).tolist()
        if not all(map(isfinite, sums)):
            self._go_back(lr, good)
        n_visited = errors.index.shape[0]
        record = {"n_active": n_visited, "threshold": None, "train_loss": sums[0] / n_visited}
        if held_out is not None:
            record["valid_loss"] = validate(self, held_out, self._prediction_batch_size)
        return record

    @property
    def _has_bounded_outputs(self) -> bool:
        return has_bounded_outputs(self.criterion_)

    def _step(self, y: Tensor) -> Step:
        """Return what trains on the batches, with the module ready for it."""
        if not self.module_.training:
            self.module_.train()
        if self._open_step is None:
            self._open_step = self._make_step(y)
        if is_watched(self, BATCH_HOOKS):
            return WatchedStep(self._open_step, self)
        return self._open_step

    def _close_step(self) -> None:
        if self._open_step is not None:
            self._open_step.close()
            self._open_step = None

    def _make_step(self, y: Tensor) -> Step:
        asks_for_gradients = is_watched(self, ["on_grad_computed"])
        in_autograd = asks_for_gradients or self.autocast is not None
        parts = self.module_, self.criterion_, self.optimizer_
        if self.step == "dense" and asks_for_gradients:
            raise ValueError(
                "step='dense' has no gradients to show, "
                "however: a callback has a method on_grad_computed."
            )
        if self.step == "dense" or (
            self.step == "auto" and not in_autograd and dense_step_applies(*parts, y)
        ):
            return DenseStep(*parts)
        on_grad = self._notify_gradients if asks_for_gradients else None
        return AutogradStep(*parts, on_grad, self.autocast)

    def _notify_gradients(self, x: Tensor, y: Tensor) -> None:
        self.notify(
            "on_grad_computed",
            named_parameters=list(self.get_all_learnable_params()),
            batch=(x, y),
            training=True,
        )

    def _go_back(self, lr: float, good: Snapshot) -> None:
        self._close_step()
        good.restore()
        self.optimizer_.state.clear()  # moments that are not finite would spoil the next fit
        epoch = self.history[-1, "epoch"]
        raise FloatingPointError(
            f"The loss or the weights became NaN or infinite in epoch {epoch}, at a learning rate "
            f"of {lr:g}. The weights are those from before that epoch. Try a smaller lr, features "
            "of mean 0 and standard deviation 1 (StandardScaler), or optimizer='adamw'."
        )

    def _n_threads(self, x: Tensor) -> int:
        if self.n_threads is not None:
            return self.n_threads
        if torch.device(self.device).type != "cpu":
            return torch.get_num_threads()
        return choose_threads(step_flops(self.module_, x[:1], self.batch_size))
