"""Runs of an experiment: each once, and none that is on disk already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..experiments._fit import error_of, seconds
from ..experiments._recorder import CurveRecorder
from ..experiments._sets import Split
from ..experiments._store import Record, RunStore
from ._experiments import CONTESTANTS, EXPERIMENTS, NEED_SIZES, Experiment

LR_SCHEDULES = {"linear": "linear", "constant": None}


@dataclass(frozen=True)
class Options:
    """What the command line says of all runs alike.

    Parameters
    ----------
    epochs : int or None, default=None
        In place of the paper's number.
    seeds : int, default=5
        Runs of each contestant; the paper has 5.
    lr_schedule : {"linear", "constant"}, default="linear"
        How the learning rate goes on.
    precision : str, default="float32"
        The estimators' `precision`.
    lr : float or None, default=None
        In place of the experiment's initial learning rate.
    splicing : Path or None, default=None
        The npz file that takes the place of the stand-in.
    """

    epochs: int | None = None
    seeds: int = 5
    lr_schedule: str = "linear"
    precision: str = "float32"
    lr: float | None = None
    splicing: Path | None = None

    def settings(self, name: str, contestant: str, seed: int) -> Record:
        """Return what a run is found again by."""
        own: Record = {} if self.lr is None else {"lr": self.lr}
        if name == "splicing" and self.splicing is not None:
            own["file"] = str(self.splicing.resolve())
        return own | {
            "experiment": name,
            "contestant": contestant,
            "seed": seed,
            "epochs": self.epochs or EXPERIMENTS[name].epochs,
            "lr_schedule": self.lr_schedule,
            "precision": self.precision,
        }


def path_of(out: Path, name: str) -> Path:
    """Return where the runs of an experiment are."""
    return out / f"{name}.json"


def run_all(
    name: str,
    options: Options,
    out: Path,
    load: Callable[[str], Split],
    contestants: Sequence[str] = (),
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
    contestants : sequence of str, default=()
        Some of the experiment's contestants; none: all of them.
    """
    store = RunStore(path_of(out, name))
    wanted = list(cases(name, options, contestants))
    missing = [settings for settings in wanted if store.find(settings) is None]
    if not missing:
        return
    experiment = EXPERIMENTS[name]
    data = load(experiment.data)
    make(experiment, missing[0] | {"epochs": 1}, 500, ()).set_params(policy=None).fit(
        data.X[:500], data.y[:500]
    )  # what torch does once only
    with tqdm(total=len(wanted), initial=len(wanted) - len(missing), desc=name) as bar:
        for settings in missing:
            bar.set_postfix_str(f"{settings['contestant']}, seed {settings['seed']}")
            sizes: tuple[int, ...] = ()
            if settings["contestant"] in NEED_SIZES:
                sizes = sizes_of(store, settings)
            store.add(settings, run(experiment, settings, data, sizes))
            bar.update()


def cases(name: str, options: Options, contestants: Sequence[str] = ()) -> Iterator[Record]:
    """Yield the settings of all runs; seeds are outermost, so that each is soon complete."""
    for seed in range(options.seeds):
        for contestant in contestants or EXPERIMENTS[name].contestants:
            yield options.settings(name, contestant, seed)


def sizes_of(store: RunStore, settings: Record) -> tuple[int, ...]:
    """Return the sizes of the active sets of sDLr's run with the same seed."""
    record = store.find(settings | {"contestant": "sdlr"})
    if record is None:
        raise ValueError(f"{store.path} has no run of sDLr, which {settings} is to follow.")
    return tuple(record["n_active"])


def make(experiment: Experiment, settings: Record, n: int, sizes: tuple[int, ...]) -> Any:
    """Return the estimator of a run."""
    chosen = CONTESTANTS[settings["contestant"]].settings(settings["epochs"], n, sizes)
    params = {
        "batch_size": experiment.batch_size,
        "max_epochs": settings["epochs"],
        "lr_schedule": LR_SCHEDULES[settings["lr_schedule"]],
        "precision": settings["precision"],
        "random_state": settings["seed"],
        "device": "cpu",
        "anneal": 0.0,
    }
    if "lr" in settings:
        params["lr"] = settings["lr"]
    return experiment.kind(**experiment.params | params | chosen)


def run(
    experiment: Experiment, settings: Record, data: Split, sizes: tuple[int, ...] = ()
) -> Record:
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
    estimator = make(experiment, settings, len(data.y), sizes)
    recorder = None
    if experiment.watched:
        with tqdm(total=settings["epochs"], desc="epochs", leave=False) as bar:
            recorder = CurveRecorder(rows_to_watch(experiment, settings, data), bar.update)
            estimator.set_params(callbacks=[("recorder", recorder)])
            took = seconds(estimator.fit, data.X, data.y)
    else:
        took = seconds(estimator.fit, data.X, data.y)
    pretraining = sum(row["duration"] for row in getattr(estimator, "pretrain_history_", []))
    return {
        "error": error_of(estimator, data),
        "seconds": took - pretraining - (recorder.seconds if recorder else 0.0),
        "pretraining_seconds": pretraining,
        "n_active": [row["n_active"] for row in estimator.history_],
        "train_loss": [round(row["train_loss"], 6) for row in estimator.history_],
        "duration": [round(row["duration"], 5) for row in estimator.history_],
    } | (recorder.curves if recorder else {})


def rows_to_watch(
    experiment: Experiment, settings: Record, data: Split
) -> dict[str, tuple[Any, Any]]:
    """Return the rows whose errors are noted after each epoch."""
    rows = {"test": (data.X_test, data.y_test), "train": (data.X, data.y)}
    of_first = settings["seed"] == 0 and settings["contestant"] in ("plain", "sdl", "sdlr")
    return {name: rows[name] for name in experiment.watched if name != "train" or of_first}
