"""The one table of methods that take tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import numpy as np

from sk_sdlr import ShrinkingDNNClassifier

from . import _rivals
from ._ours import has, narrow_nets, plain_net
from ._task import Task


@dataclass(frozen=True)
class TableMethod:
    """A method.

    Parameters
    ----------
    label : str
        What tables and figures call it.
    make : callable
        Of the task, the seed and the number of threads: an estimator that takes data frames.
    package : str, default="sk_sdlr"
        Which has to be installed.
    params : dict, default={}
        The estimator's that are not its defaults; of ours, it must have them.
    is_default : bool, default=False
        Whether it is among those that one takes as they come.
    float_targets : bool, default=False
        Whether it wants numbers as float32 columns.
    """

    label: str
    make: Callable[..., Any]
    package: str = "sk_sdlr"
    params: dict[str, Any] = field(default_factory=dict)
    is_default: bool = False
    float_targets: bool = False

    def estimator(self, task: Task, seed: int, n_threads: int) -> Any:
        """Return an estimator, not fitted."""
        return self.make(task, seed, n_threads, **self.params)

    def lacks(self) -> str | None:
        """Return why it cannot be run here, if it cannot."""
        if find_spec(self.package) is None:
            return "not installed"
        if self.package == "sk_sdlr":
            model = ShrinkingDNNClassifier()
            missing = [name for name in self.params if not has(model, name)]
            return f"there is no parameter {missing[0]!r}" if missing else None
        return None

    def version(self) -> str:
        """Return which version of the package it is."""
        try:
            return version({"sklearn": "scikit-learn"}.get(self.package, self.package))
        except PackageNotFoundError:
            return "unknown"

    def targets(self, y: np.ndarray) -> np.ndarray:
        """Return what it is trained to predict."""
        return y.astype("float32")[:, None] if self.float_targets and y.dtype.kind == "f" else y


def ours(label: str, **params: Any) -> TableMethod:
    """Return narrow nets side by side, which are no default, with some parameters."""
    return TableMethod(label, narrow_nets, params=params)


# In the order of tables.
TABLE_METHODS: dict[str, TableMethod] = {
    "hist_gradient_boosting": TableMethod(
        "HistGradientBoosting", _rivals.hist_gradient_boosting, "sklearn", is_default=True
    ),
    "lightgbm": TableMethod("LightGBM", _rivals.lightgbm, "lightgbm", is_default=True),
    "lightgbm_500": TableMethod(
        "LightGBM, 500 trees, rate .05",
        _rivals.lightgbm,
        "lightgbm",
        {"n_estimators": 500, "learning_rate": 0.05},
    ),
    "xgboost": TableMethod("XGBoost", _rivals.xgboost, "xgboost", is_default=True),
    "catboost": TableMethod("CatBoost", _rivals.catboost, "catboost", is_default=True),
    "realmlp": TableMethod("RealMLP-TD-S", _rivals.realmlp, "pytabkit"),
    "tabm": TableMethod("TabM-D", _rivals.tabm, "pytabkit"),
    "mlp": TableMethod("scikit-learn MLP", _rivals.sklearn_mlp, "sklearn", is_default=True),
    "skorch": TableMethod("stock skorch", _rivals.skorch, "skorch", float_targets=True),
    "plain_net": TableMethod("one net of 256 x 3", plain_net, is_default=True),
    "members_1": ours("1 net of 64 x 3", n_members=1),
    "members_4": ours("4 nets of 64 x 3", n_members=4),
    "members_8": ours("8 nets of 64 x 3", n_members=8),
    "bfloat16": ours("8 nets of 64 x 3, bfloat16", n_members=8, dtype="bfloat16"),
}
