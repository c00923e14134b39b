"""The one set of loaders: real sets, made ones, and files of one's own, split and scaled."""

from ._load import SETS, load, load_or_generate
from ._real import SPLICING_TRAIN
from ._split import Split, from_file, held_out

__all__ = [
    "SETS",
    "SPLICING_TRAIN",
    "Split",
    "from_file",
    "held_out",
    "load",
    "load_or_generate",
]
