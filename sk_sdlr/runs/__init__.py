"""How training proceeds."""

from ._data import TrainingData
from ._pretraining import pretrain
from ._run import Run
from ._settings import TrainingSettings

__all__ = ["Run", "TrainingData", "TrainingSettings", "pretrain"]
