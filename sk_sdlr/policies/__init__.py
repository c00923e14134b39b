"""Who is dropped: policies map the errors of an epoch to the rows of the next one."""

from ._base import ActiveSet, EpochErrors, OutputErrors, Policy
from ._full_data import FullData
from ._infobatch import InfoBatch
from ._random_subset import RandomSubset
from ._registry import POLICIES
from ._selective_backprop import SelectiveBackprop
from ._shrink_recall import ShrinkRecall

__all__ = [
    "POLICIES",
    "ActiveSet",
    "EpochErrors",
    "FullData",
    "InfoBatch",
    "OutputErrors",
    "Policy",
    "RandomSubset",
    "SelectiveBackprop",
    "ShrinkRecall",
]
