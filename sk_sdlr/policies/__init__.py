"""Who is trained on next: policies map the errors of an epoch to the rows of the next one."""

from ._auto_recall import AutoRecall
from ._base import ActiveSet, EpochReport, Policy
from ._full_data import FullData
from ._infobatch import InfoBatch
from ._random_subset import RandomSubset
from ._registry import POLICIES
from ._selective_backprop import SelectiveBackprop
from ._shrink_recall import ShrinkRecall

__all__ = [
    "POLICIES",
    "ActiveSet",
    "AutoRecall",
    "EpochReport",
    "FullData",
    "InfoBatch",
    "Policy",
    "RandomSubset",
    "SelectiveBackprop",
    "ShrinkRecall",
]
