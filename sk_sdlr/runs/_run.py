"""The run: the only loop over epochs in this package."""

from __future__ import annotations

import sys
from collections.abc import Generator
from copy import deepcopy
from math import isfinite
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..modules._batch_norm import min_batch_rows
from ..policies import FullData, Policy
from ..steps import Objective
from ..steps._gated_step import gated
from ..steps._make_step import make_step
from ..steps._step import Step
from ._batch_loop import BatchLoop
from ._budget import Budget
from ._checks import check_min_rows, check_signals, diverged, warning_if_interrupted
from ._data import TrainingData
from ._final_weights import FinalWeights
from ._learning_rate import LearningRate
from ._listener import Listener, WatchedStep
from ._plain import plain
from ._seeding import ModuleGenerators
from ._settings import TrainingSettings
from ._snapshot import Snapshot
from ._state import RunState
from ._threads import threads, threads_of_run

EpochRecord = dict[str, Any]
Epochs = Generator[EpochRecord, None, None]


class Run:
    """A training run. Iterating over it trains: each item is the record of an epoch.

    In pseudocode::

        active = policy.start(n_samples)
        while the budget of epochs or visits is not spent:
            rows = active rows in random order; all rows in the last share
            for i, batch in enumerate(batches(rows)):
                optimizer.lr = schedule(progress of batch i)
                step(batch)                             # no word to the host
            valid = loss of the validation rows, if there are any; is it time to stop?
            active = policy.update(active, errors of the epoch)
            yield record

    Parameters
    ----------
    module : nn.Module
        The net, on the device of the data.
    objective : Objective
        What is minimised.
    optimizer : torch.optim.Optimizer
        Holds the module's parameters. The learning rates of its groups are the initial ones.
    data : TrainingData
        The rows to train on.
    settings : TrainingSettings
        All knobs.
    policy : Policy or None, default=None
        Chooses the rows of each epoch; None visits all rows.
    generator : torch.Generator
        The source of randomness, on the CPU. It draws the order of the rows; what the module draws
        comes from another one that is seeded alike.
    validation : TrainingData or None, default=None
        Rows whose loss is computed after each epoch.
    step : Step or None, default=None
        How a batch is learnt; None: as the settings say.
    listener : Listener or None, default=None
        Is told what happens.

    Attributes
    ----------
    state : RunState
        The active set, the last error of each row, and what is spent of the budget.
    n_active : int
        Rows that were active in the last epoch.

    Raises
    ------
    ValueError
        If the module's batch norm needs larger batches, the policy a signal that is not there, or
        the step does not apply; before training.
    FloatingPointError
        While iterating, if the loss or the weights become NaN or infinite. The weights are then
        those from before that epoch.

    Notes
    -----
    With ``weight_average`` the module has the average once the loop is left, and in between the
    weights that are trained.

    A record has epoch (from 1), n_active (rows visited), threshold (error under which rows left
    after it, or None), train_loss (mean over the rows visited), lr (at the begin of the epoch, of
    the optimiser's last group), duration (seconds) and, with validation rows, valid_loss.

    The caller may stop between any two epochs, and go on by another loop over the run, or elsewhere
    by :meth:`state_dict`. Torch's random state and threads are the caller's own there.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sk_sdlr.policies import ShrinkRecall
    >>> from sk_sdlr.runs import Run, TrainingData, TrainingSettings
    >>> from sk_sdlr.steps import Objective
    >>> X, net = torch.eye(100), nn.Linear(100, 2)
    >>> run = Run(net, Objective(nn.CrossEntropyLoss()), torch.optim.SGD(net.parameters(), lr=0.1),
    ...           TrainingData(X, torch.arange(100) % 2), TrainingSettings(max_epochs=5),
    ...           policy=ShrinkRecall(t=0.6, alpha=None), generator=torch.Generator())
    >>> [record["n_active"] for record in run]
    [100, 80, 64, 52, 100]
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        optimizer: Optimizer,
        data: TrainingData,
        settings: TrainingSettings,
        *,
        generator: torch.Generator,
        policy: Policy | None = None,
        validation: TrainingData | None = None,
        step: Step | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.module, self.objective, self.optimizer = module, objective, optimizer
        self.data, self.settings, self.validation = data, settings, validation
        self.policy = policy or FullData()
        self.given_step, self.listener = step, listener or Listener()
        self.min_rows = min_batch_rows(module)
        check_min_rows(data.n_samples, settings.batch_size, self.min_rows)
        check_signals(self.policy)
        self.state = RunState(
            self.policy,
            Budget.of(settings, data.n_samples),
            generator,
            data.device,
            next(module.parameters()).dtype,
            bounded_outputs=objective.bounded_outputs,
        )
        self.generators = ModuleGenerators(module, generator.initial_seed(), data.device)
        self.rate = LearningRate(optimizer, settings.lr_schedule)
        self.final = FinalWeights(module, objective, data, validation, settings, self.listener)
        self.last_finite = Snapshot(module)
        self.loop = BatchLoop(data, settings.batch_size, self.min_rows)
        self.n_active = data.n_samples
        with self.generators.drawing():
            self.n_threads = threads_of_run(module, data.features, settings)
        self._open_step: Step | None = None

    def __iter__(self) -> Epochs:
        has_diverged = False
        self.rate.go_on()
        self.final.go_on()
        try:
            while not self.is_over:
                yield self._train_epoch()
        except FloatingPointError:
            has_diverged = True
            raise
        finally:
            if not sys.is_finalizing():  # then there is nobody to leave anything to
                self._leave(has_diverged=has_diverged)

    def _leave(self, *, has_diverged: bool) -> None:
        self._close_step()
        self.rate.restore()
        if not has_diverged:
            self.final.leave(self.n_threads)

    @property
    def is_over(self) -> bool:
        """Whether the budget is spent, or the run has stopped early."""
        budget, least = self.state.budget, self.min_rows
        return budget.over or budget.affordable(least) < least or self.has_stopped_early

    @property
    def has_stopped_early(self) -> bool:
        """Whether the loss of the validation rows has not improved for too long."""
        return self.final.stops

    def state_dict(self) -> dict[str, Any]:
        """Return all that a run needs to go on elsewhere, to the same bits.

        Returns
        -------
        state : dict
            Tensors, numbers, strings and None in dicts and lists, which ``torch.save`` writes and
            ``torch.load`` reads with ``weights_only=True``, unless the optimiser or a scheduler of
            the user keeps something else.
        """
        self._close_step()  # but for a step that was given all is in module and optimiser then
        parts = self._parts().items()
        state = {name: None if part is None else part.state_dict() for name, part in parts}
        return plain(deepcopy(state))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; to be called before the first epoch.

        Parameters
        ----------
        state : dict
            What :meth:`state_dict` of a run with the same module, data and settings returned.

        Raises
        ------
        ValueError
            If it is of a run on another number of rows.
        """
        self._close_step()
        for name, part in self._parts().items():
            if part is not None:
                part.load_state_dict(deepcopy(state[name]))

    def _parts(self) -> dict[str, Any]:
        """Return what has a state of its own; the first one looks whether it fits."""
        return {
            "run": self.state,
            "module": self.module,
            "criterion": self.objective.criterion,
            "optimizer": self.optimizer,
            "module_generators": self.generators,
            "learning_rate": self.rate,
            "weight_average": self.final.average,
            "early_stopping": self.final.stopping,
            "step": self.given_step,
        }

    def _train_epoch(self) -> EpochRecord:
        self.listener.on_epoch_begin()
        began = perf_counter()
        active = self.state.begin_epoch(self.min_rows)
        self.n_active = active.index.shape[0]
        self.rate.begin_epoch(self.state.budget)
        lr = self.rate.current
        self.last_finite.save()
        interrupted = warning_if_interrupted(self.state.budget.epoch)
        with interrupted, threads(self.n_threads), self.generators.drawing():
            visited = self.loop(active, self._step(), self.state, self.rate)
            record = self._summarise(visited.error, lr)
            record |= self.final.end_epoch()
            record["threshold"] = self.state.end_epoch(visited, self.settings.batch_size)
        record |= {"lr": lr, "duration": perf_counter() - began}
        self.rate.end_epoch(record)
        if self.listener.wants_epochs:  # who looks now sees everything as torch has it
            self._close_step()
        return record

    def _summarise(self, error: Tensor, lr: float) -> EpochRecord:
        """Return the loss of the epoch; raise if it, or the weights, are not finite."""
        # A sum is finite if its terms are; all of them are one question to the device.
        tensors = (error, *self.last_finite.weights())
        sums = torch.stack([tensor.sum() for tensor in tensors]).tolist()
        epoch, n_visited = self.state.budget.epoch + 1, error.shape[0]
        if not all(map(isfinite, sums)):
            self._raise_diverged(epoch, lr)
        record: EpochRecord = {"epoch": epoch, "n_active": n_visited, "threshold": None}
        record["train_loss"] = sums[0] / n_visited
        return record

    def _raise_diverged(self, epoch: int, lr: float) -> None:
        self._close_step()
        self.last_finite.restore()
        self.optimizer.state.clear()  # moments that are not finite would spoil the next fit
        raise diverged(epoch, lr)

    def _step(self) -> Step:
        """Return what learns the batches, with the module ready for it."""
        if not self.module.training:
            self.module.train()
        if self._open_step is None:
            self._open_step = self.given_step or make_step(
                self.settings.step,
                self.module,
                self.objective,
                self.optimizer,
                self.data.targets,
                autocast=self.settings.autocast,
                on_gradients=self.listener.on_gradients if self.listener.wants_gradients else None,
            )
        gate = gated(self._open_step, self.module, self.settings.fp32_precision)
        step = self.final.followed(gate)
        return WatchedStep(step, self.listener) if self.listener.wants_batches else step

    def _close_step(self) -> None:
        if self._open_step is not None:
            self._open_step.close()
            self._open_step = None
