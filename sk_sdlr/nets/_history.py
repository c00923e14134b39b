"""From the records of a run to the rows of skorch's history."""

from __future__ import annotations

from contextlib import closing
from math import inf

from skorch.history import History

from ..runs._run import EpochRecord, Epochs, Run

LOSSES = ("train_loss", "valid_loss")


def complete_epochs(run: Run, history: History) -> Epochs:
    """Pass on the records of a run; delete the row of an epoch in which something is raised.

    Parameters
    ----------
    run : Run
        The run.
    history : History
        Gets a row when an epoch begins.

    Yields
    ------
    record : dict
        The record of an epoch.
    """
    n_complete = len(history)
    try:
        with closing(run.__iter__()) as records:
            for record in records:
                n_complete = len(history)
                yield record
    finally:
        del history[n_complete:]


class HistoryWriter:
    """Writes records to the last row of a history, and which losses are the best so far.

    Parameters
    ----------
    history : History
        Where they go.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.best = {
            name: min((row[name] for row in history if name in row), default=inf) for name in LOSSES
        }

    def write(self, record: EpochRecord) -> None:
        """Write the record of an epoch."""
        row = self.history[-1]
        # Some of skorch's callbacks want to see a last batch; this is all there is of it.
        row["batches"] = row["batches"] or [{}]
        row.update({key: value for key, value in record.items() if key != "epoch"})
        for name in self.best.keys() & record.keys():
            row[f"{name}_best"] = record[name] < self.best[name]
            self.best[name] = min(self.best[name], record[name])
