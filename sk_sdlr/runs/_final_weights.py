"""The weights that a run leaves, and that validation rows judge on the way."""

from __future__ import annotations

from contextlib import nullcontext

from torch import nn

from ..steps import Objective
from ..steps._step import Step
from ._data import TrainingData
from ._listener import Listener
from ._settings import TrainingSettings
from ._stopping import make_stopping
from ._threads import threads
from ._validation import validate
from ._weight_average import AveragedStep, WeightAverage

VALIDATION_BATCH_SIZE = 1024


class FinalWeights:
    """The last weights of a run, or their average; of all epochs the best ones if it stops early.

    Parameters
    ----------
    module : nn.Module
        The net.
    objective : Objective
        The loss that judges.
    data : TrainingData
        The rows to train on.
    validation : TrainingData or None
        The rows to judge by.
    settings : TrainingSettings
        Of the run.
    listener : Listener
        Is told of the batches of validation rows.

    Attributes
    ----------
    average : WeightAverage or None
        What averages.
    stopping : EarlyStopping or None
        What keeps the best ones.
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        data: TrainingData,
        validation: TrainingData | None,
        settings: TrainingSettings,
        listener: Listener,
    ) -> None:
        self.module, self.objective = module, objective
        self.validation, self.listener = validation, listener
        self.batch_size = max(settings.batch_size, VALIDATION_BATCH_SIZE)
        share = settings.weight_average
        self.average = None if share is None else WeightAverage(module, data, share)
        self.stopping = make_stopping(module, settings, has_validation=validation is not None)

    @property
    def stops(self) -> bool:
        """Whether the loss of the validation rows has not improved for too long."""
        return self.stopping is not None and self.stopping.stops

    def followed(self, step: Step) -> Step:
        """Return a step whose weights are averaged, if they are to be."""
        return step if self.average is None else AveragedStep(step, self.average)

    def end_epoch(self) -> dict[str, float]:
        """Judge the weights, and keep them if they are the best ones.

        Returns
        -------
        record : dict
            The loss of the validation rows, valid_loss, if there are any.
        """
        if self.average is not None:
            self.average.update()  # the same with and without validation rows
        if self.validation is None:
            return {}
        with nullcontext() if self.average is None else self.average.in_place():
            loss = validate(
                self.module, self.objective, self.validation, self.batch_size, self.listener
            )
            if self.stopping is not None:
                self.stopping.end_epoch(loss)
        return {"valid_loss": loss}

    def leave(self, n_threads: int | None) -> None:
        """Put them into place, for as long as the run does not go on."""
        if self.average is not None:
            with threads(n_threads):
                self.average.put_in_place()
        if self.stopping is not None:
            self.stopping.restore_best()

    def go_on(self) -> None:
        """Put those into place again that are trained."""
        if self.stopping is not None:
            self.stopping.go_on()
        if self.average is not None:
            self.average.go_on()
