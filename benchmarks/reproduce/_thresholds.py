"""The thresholds of the batches of an epoch, and what Eq. 9 makes of them (Figure 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import Generator, Tensor

from sk_sdlr.policies import ActiveSet, EpochReport, Policy
from sk_sdlr.policies._select import block_thresholds, smooth

from .._nets import Length
from .._store import Record, RunStore
from ..data import Split
from ._experiments import EXPERIMENTS
from ._runs import Options, net_of, path_of

NAME = "mnist_thresholds"
EPOCHS, BATCH_SIZE, S, ALPHA = 10, 1000, 0.2, 0.5


@dataclass
class Listening(Policy):
    """All rows in every epoch; keeps the errors of the last one.

    Parameters
    ----------
    heard : list of Tensor
        Filled with the errors of the last epoch heard of, in the order visited.
    """

    heard: list[Tensor] = field(default_factory=list)

    def update(self, active: ActiveSet, report: EpochReport, *, generator: Generator) -> ActiveSet:
        """Return all rows; see :meth:`Policy.update`."""
        self.heard[:] = [report.error.clone()]
        return active


def measure(options: Options, out: Path, load: Callable[[str], Split]) -> Record:
    """Train, unless it is done already, and return the thresholds of an epoch's batches.

    The paper's net and 60 batches of 1,000 rows, as in Figure 8; the epoch is the tenth.
    """
    store = RunStore(path_of(out, NAME))
    settings = options.settings("mnist_dnn", "all_rows", 0)
    settings |= {"epochs": (options.epochs or EPOCHS) + 1, "batch_size": BATCH_SIZE}
    found = store.find(settings)
    if found is not None:
        return found
    data, policy = load("mnist"), Listening()
    net = net_of(EXPERIMENTS["mnist_dnn"], settings).with_params(batch_size=BATCH_SIZE)
    # No policy is asked after the last epoch, so there is one more.
    length = Length(epochs=settings["epochs"])
    net.make(data, length, policy=policy, full_at_end=False).fit(data.X, data.y)
    thresholds = block_thresholds(policy.heard[0], BATCH_SIZE, S)
    return store.add(settings, {"threshold": thresholds, "smoothed": smooth(thresholds, ALPHA)})
