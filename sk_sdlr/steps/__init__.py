"""How a batch is learnt."""

from ._objective import Objective
from ._squared_error import SquaredError

__all__ = ["Objective", "SquaredError"]
