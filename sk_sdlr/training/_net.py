"""The skorch net that trains on an active set; its docstring is the epoch in pseudocode."""

from __future__ import annotations

import warnings
from dataclasses import replace
from math import isfinite
from time import perf_counter
from typing import Any

import torch
from sklearn.utils import check_random_state
from skorch import NeuralNet
from skorch.callbacks import Callback, PrintLog
from torch import Tensor, nn

from ..policies import ActiveSet, EpochErrors, FullData, Policy
from ._batches import batches, sequential_batches
from ._dense_step import DenseStep, dense_step_applies
from ._errors import per_sample_error
from ._isolation import choose_threads, seeded, threads
from ._schedule import Budget, LearningRate
from ._steps import AutogradStep, Step
from ._tensors import tensors_of

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
    >>> net = ActiveSetNet(nn.Linear(3, 2), nn.CrossEntropyLoss, policy=ShrinkRecall(alpha=None),
    ...                    max_epochs=4, verbose=0, random_state=0).fit(X, y)
    >>> net.history[:, "n_active"]
    [200, 160, 128, 103]
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
        self.n_threads = n_threads
        self.random_state = random_state

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        # It lays out its table even when it is not to print it, at 0.2 ms an epoch.
        return [("print_log", PrintLog())] if self.verbose else []

    def initialize(self) -> ActiveSetNet:
        """Initialise module, criterion, optimiser and callbacks, from `random_state` alone."""
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        with seeded(seed, self.device):
            super().initialize()
        return self

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return an iterator for prediction and validation; training does not ask for one."""
        size = max(self.batch_size, PREDICT_BATCH_SIZE)
        return sequential_batches(tensors_of(dataset, self.device)[:2], size)

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
        self.check_data(X, y)
        self.check_training_readiness()
        train, split = self.get_split_datasets(X, y, **fit_params)
        valid = split if valid is None else valid
        data = tensors_of(train, self.device)
        held_out = None if valid is None else tensors_of(valid, self.device)
        budget = Budget(data[0].shape[0], epochs or self.max_epochs, self.max_visits, self.anneal)
        # Each call goes on with new random numbers, so that partial fits differ.
        seed = check_random_state(self.random_state).randint(2**31 - 1) + len(self.history)
        datasets = {"dataset_train": train, "dataset_valid": valid}
        with seeded(seed, self.device) as generator, threads(self._n_threads()):
            self._run(data, held_out, budget, generator, datasets)
        self.optimizer_.zero_grad()
        return self

    def _run(
        self,
        data: tuple[Tensor, ...],
        held_out: tuple[Tensor, ...] | None,
        budget: Budget,
        generator: torch.Generator,
        datasets: dict[str, Any],
    ) -> None:
        policy = FullData() if self.policy is None else self.policy
        rate = LearningRate(self.optimizer_, self.lr_schedule)
        step = self._make_step()
        good = _Snapshot(self.module_)
        n_samples = data[0].shape[0]
        last_error = torch.full((n_samples,), torch.nan, device=self.device, dtype=data[0].dtype)
        active = everything = self._to_device(policy.start(n_samples))
        while not budget.over:
            self.notify("on_epoch_begin", **datasets)
            began = perf_counter()
            if budget.annealing(active.index.shape[0]):
                active = everything
            rate.before_epoch(budget)
            good.save()
            try:
                errors = self._train_epoch(step, data, active, budget, generator, last_error)
                self._check_finite(errors, rate.current, good)
                record: dict[str, Any] = {"n_active": active.index.shape[0], "threshold": None}
                record["train_loss"] = float(errors.error.mean())
                if held_out is not None:
                    record["valid_loss"] = self._validate(held_out)
                budget.spend(errors.index.shape[0])
                if not budget.over and not budget.annealing(1):
                    active = self._to_device(policy.update(active, errors, generator=generator))
                    record["threshold"] = active.threshold
            except KeyboardInterrupt:
                self._warn_interrupted()
                raise
            record |= {"lr": rate.current, "duration": perf_counter() - began}
            rate.after_epoch(record.get("valid_loss", record["train_loss"]))
            self.history[-1].update(record)
            self.notify("on_epoch_end", **datasets)

    def _train_epoch(
        self,
        step: Step,
        data: tuple[Tensor, ...],
        active: ActiveSet,
        budget: Budget,
        generator: torch.Generator,
        last_error: Tensor,
    ) -> EpochErrors:
        """Visit the active rows once, in random order; return their errors."""
        if not self.module_.training:
            self.module_.train()
        X, y = data[:2]
        sample_weight = data[2] if len(data) == 3 else None
        n_active = active.index.shape[0]
        order = torch.randperm(n_active, generator=generator)[: budget.affordable(n_active)]
        rows = active.index.index_select(0, order.to(active.index.device))
        weight = _loss_weight(sample_weight, active)
        error = X.new_empty(rows.shape[0])
        tensors = (X, y) if weight is None else (X, y, weight)
        visit = self._watched(step) if self._batch_is_watched() else step
        for (x, target, *w), e in zip(
            batches(tensors, rows, self.batch_size), error.split(self.batch_size), strict=True
        ):
            visit(x, target, w[0] if w else None, e)
        if sample_weight is not None:
            # The weights of the user belong to the loss, those of the policy do not.
            error *= sample_weight.index_select(0, rows)
        last_error.index_copy_(0, rows, error)
        return EpochErrors(
            rows, error, self.batch_size, budget.epoch + 1, budget.n_epochs, last_error
        )

    @torch.no_grad()
    def _validate(self, held_out: tuple[Tensor, ...]) -> float:
        """Return the mean error of the validation set."""
        self.module_.eval()
        errors, n_rows = per_sample_error(self.criterion_), held_out[0].shape[0]
        total = torch.zeros((), device=self.device)
        watched = self._batch_is_watched()
        for x, y, *w in sequential_batches(held_out, max(self.batch_size, PREDICT_BATCH_SIZE)):
            if watched:
                self.notify("on_batch_begin", batch=(x, y), training=False)
            output = self.module_(x)
            error = errors(output, y)
            error = error * w[0] if w else error
            total += error.sum()
            if watched:
                self.notify(
                    "on_batch_end", batch=(x, y), training=False, loss=error.mean(), y_pred=output
                )
        return float(total) / n_rows

    def _make_step(self) -> Step:
        asks_for_gradients = self._is_overridden("on_grad_computed")
        parts = self.module_, self.criterion_, self.optimizer_
        if self.step == "dense" or (
            self.step == "auto" and not asks_for_gradients and dense_step_applies(*parts)
        ):
            return DenseStep(*parts)
        return AutogradStep(*parts, self._notify_gradients if asks_for_gradients else None)

    def _watched(self, step: Step) -> Step:
        def watched_step(x: Tensor, y: Tensor, weight: Tensor | None, error: Tensor) -> Tensor:
            self.notify("on_batch_begin", batch=(x, y), training=True)
            output = step(x, y, weight, error).clone()
            loss = error.mean() if weight is None else (error * weight).mean()
            self.notify("on_batch_end", batch=(x, y), training=True, loss=loss, y_pred=output)
            return output

        return watched_step

    def _notify_gradients(self, x: Tensor, y: Tensor) -> None:
        self.notify(
            "on_grad_computed",
            named_parameters=list(self.get_all_learnable_params()),
            batch=(x, y),
            training=True,
        )

    def _batch_is_watched(self) -> bool:
        return self._is_overridden("on_batch_begin") or self._is_overridden("on_batch_end")

    def _is_overridden(self, hook: str) -> bool:
        if getattr(type(self), hook) is not getattr(NeuralNet, hook):
            return True
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.callbacks_
        )

    def _check_finite(self, errors: EpochErrors, lr: float, good: _Snapshot) -> None:
        # A sum is finite if its terms are, and one number is one question to the device.
        sums = [errors.error.sum(), *(tensor.sum() for tensor in good.parameters)]
        if isfinite(float(torch.stack(sums).sum())):
            return
        good.restore()
        epoch = self.history[-1, "epoch"]
        del self.history[-1]
        raise FloatingPointError(
            f"The loss or the weights became NaN or infinite in epoch {epoch}, at a learning rate "
            f"of {lr:g}. The weights are those from before that epoch. Try a smaller lr, features "
            "of mean 0 and standard deviation 1 (StandardScaler), or optimizer='adamw'."
        )

    def _warn_interrupted(self) -> None:
        del self.history[-1]
        warnings.warn(
            f"Training was interrupted after {len(self.history)} complete epochs; "
            "the net is as the last batch left it.",
            stacklevel=2,
        )

    def _n_threads(self) -> int:
        if self.n_threads is not None:
            return self.n_threads
        if torch.device(self.device).type != "cpu":
            return torch.get_num_threads()
        return choose_threads(sum(p.numel() for p in self.module_.parameters()), self.batch_size)

    def _to_device(self, active: ActiveSet) -> ActiveSet:
        if active.index.device.type != torch.device(self.device).type:
            weight = None if active.weight is None else active.weight.to(self.device)
            return replace(active, index=active.index.to(self.device), weight=weight)
        return active


class _Snapshot:
    """The weights and buffers of a module, to go back to."""

    def __init__(self, module: nn.Module) -> None:
        self.parameters = [parameter.detach() for parameter in module.parameters()]
        self.live = self.parameters + [buffer.detach() for buffer in module.buffers()]
        self.saved = [tensor.clone() for tensor in self.live]

    def save(self) -> None:
        torch._foreach_copy_(self.saved, self.live)

    def restore(self) -> None:
        torch._foreach_copy_(self.live, self.saved)


def _loss_weight(sample_weight: Tensor | None, active: ActiveSet) -> Tensor | None:
    """Return the weight of every row in the loss: the user's times the policy's."""
    if active.weight is None:
        return sample_weight
    n_samples = int(active.index[-1]) + 1 if sample_weight is None else sample_weight.shape[0]
    weight = active.weight.new_ones(n_samples) if sample_weight is None else sample_weight.clone()
    weight[active.index] *= active.weight
    return weight
