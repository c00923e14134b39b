"""Runs of an experiment: each once, and none that is on disk already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .._methods import Sizes
from .._nets import Length, Net
from .._runs import error_of, make_missing, sizes_followed, sizes_of, train, warm_up
from .._store import Record, RunStore
from ..data import Split
from ._experiments import EXPERIMENTS, Experiment
from ._recorder import CurveRecorder

LR_SCHEDULES = {"linear": "linear", "constant": None}


@dataclass(frozen=True)
class Options:
    """What the command line says of all runs alike.

    Parameters
    ----------
    epochs : int or None, default=None
        In place of the paper's number.
    seeds : int, default=5
        Runs of each method; the paper has 5.
    lr_schedule : {"linear", "constant"}, default="linear"
        How the learning rate goes on.
    dtype : str, default="float32"
        What products are computed in.
    lr : float or None, default=None
        In place of the experiment's initial learning rate.
    splicing : Path or None, default=None
        The npz file that takes the place of the stand-in.
    """

    epochs: int | None = None
    seeds: int = 5
    lr_schedule: str = "linear"
    dtype: str = "float32"
    lr: float | None = None
    splicing: Path | None = None

    def settings(self, name: str, method: str, seed: int) -> Record:
        """Return what a run is found again by."""
        own: Record = {} if self.lr is None else {"lr": self.lr}
        if name == "splicing" and self.splicing is not None:
            own["file"] = str(self.splicing.resolve())
        return own | {
            "experiment": name,
            "method": method,
            "seed": seed,
            "epochs": self.epochs or EXPERIMENTS[name].epochs,
            "lr_schedule": self.lr_schedule,
            "dtype": self.dtype,
        }


def path_of(out: Path, name: str) -> Path:
    """Return where the runs of an experiment are."""
    return out / f"{name}.json"


def run_all(
    name: str,
    options: Options,
    out: Path,
    load: Callable[[str], Split],
    methods: Sequence[str] = (),
) -> None:
    """Make the runs of an experiment that are not there yet.

    Parameters
    ----------
    name : str
        Name of the experiment.
    options : Options
        What kind of runs.
    out : Path
        The folder of the results.
    load : callable
        Returns a set by its name.
    methods : sequence of str, default=()
        Some of the experiment's methods; none: all of them.
    """
    experiment, store = EXPERIMENTS[name], RunStore(path_of(out, name))
    wanted = list(cases(name, options, methods))
    if not store.missing(wanted):
        return
    data = load(experiment.data)
    make_missing(
        store,
        wanted,
        lambda settings: run(experiment, settings, data, sizes_followed(store, settings)),
        before=lambda: warm_up(net_of(experiment, wanted[0]), data),
        title=name,
    )


def cases(name: str, options: Options, methods: Sequence[str] = ()) -> Iterator[Record]:
    """Yield the settings of all runs; seeds are outermost, so that each is soon complete."""
    for seed in range(options.seeds):
        for method in methods or EXPERIMENTS[name].methods:
            yield options.settings(name, method, seed)


def net_of(experiment: Experiment, settings: Record) -> Net:
    """Return the net of a run."""
    net = experiment.net.with_params(lr_schedule=LR_SCHEDULES[settings["lr_schedule"]])
    net = net.with_dtype(settings["dtype"])
    return net.with_params(lr=settings["lr"]) if "lr" in settings else net


def run(experiment: Experiment, settings: Record, data: Split, sizes: Sizes = ()) -> Record:
    """Train once and return what came of it.

    Parameters
    ----------
    experiment : Experiment
        Net and set.
    settings : dict
        Of the run.
    data : Split
        The rows.
    sizes : tuple of int, default=()
        Sizes of the active sets that a control is to follow.

    Returns
    -------
    record : dict
        ``error`` on the test rows; ``seconds`` of the training, less what the recorder took and
        pretraining, which is ``pretraining_seconds``; ``n_active``, ``train_loss`` (the mean of the
        rows visited) and ``duration`` of each epoch; and what the recorder noted.
    """
    with tqdm(total=settings["epochs"], desc="epochs", leave=False) as bar:
        recorder = CurveRecorder(rows_to_watch(experiment, settings, data), bar.update)
        callbacks = [("recorder", recorder)] if experiment.watched else None
        estimator, record = train(
            settings["method"],
            net_of(experiment, settings),
            data,
            Length(epochs=settings["epochs"]),
            settings["seed"],
            sizes=sizes,
            callbacks=callbacks,
        )
    pretraining = sum(row["duration"] for row in getattr(estimator, "pretrain_history_", []))
    return {
        "error": error_of(estimator, data),
        "seconds": record["seconds"] - pretraining - recorder.seconds,
        "pretraining_seconds": pretraining,
        "n_active": sizes_of(estimator),
        "train_loss": [round(row["train_loss"], 6) for row in estimator.history_],
        "duration": [round(row["duration"], 5) for row in estimator.history_],
    } | recorder.curves


def rows_to_watch(
    experiment: Experiment, settings: Record, data: Split
) -> dict[str, tuple[Any, Any]]:
    """Return the rows whose errors are noted after each epoch."""
    rows = {"test": (data.X_test, data.y_test), "train": (data.X, data.y)}
    of_first = settings["seed"] == 0 and settings["method"] in ("all_rows", "sdl", "sdlr")
    return {name: rows[name] for name in experiment.watched if name != "train" or of_first}
