"""All policies by name; the generic tests and the benchmarks grow from this table."""

from ._auto_recall import AutoRecall
from ._base import Policy
from ._full_data import FullData
from ._infobatch import InfoBatch
from ._random_subset import RandomSubset
from ._selective_backprop import SelectiveBackprop
from ._shrink_recall import ShrinkRecall

POLICIES: dict[str, type[Policy]] = {
    "full": FullData,
    "shrink_recall": ShrinkRecall,
    "auto_recall": AutoRecall,
    "random_subset": RandomSubset,
    "infobatch": InfoBatch,
    "selective_backprop": SelectiveBackprop,
}
