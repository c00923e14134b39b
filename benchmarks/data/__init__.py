"""The one set of loaders: real sets, made ones, and files of one's own, split and scaled."""

from ._frames import FRAMES, TASKS, load_frames, words_of
from ._load import SETS, load, load_or_generate
from ._real import SPLICING_TRAIN
from ._split import Split, from_file, held_out

__all__ = [
    "FRAMES",
    "SETS",
    "SPLICING_TRAIN",
    "TASKS",
    "Split",
    "from_file",
    "held_out",
    "load",
    "load_frames",
    "load_or_generate",
    "words_of",
]
