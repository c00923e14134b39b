"""What the readers share: finding or fetching a file, reading errors, pixels."""

import importlib
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import StrOptions, validate_parameter_constraints

DataHome: TypeAlias = str | os.PathLike[str] | None
Subset: TypeAlias = Literal["train", "test", "all"]
PixelType: TypeAlias = Literal["float32", "uint8"]
Folders: TypeAlias = tuple[Path, ...]

_CONSTRAINTS: dict[str, list[Any]] = {
    "subset": [StrOptions({"train", "test", "all"})],
    "data_home": [str, os.PathLike, None],
    "dtype": [StrOptions({"float32", "uint8"})],
    "return_X_y": ["boolean"],
    "download": ["boolean"],
}


class RemoteFile(NamedTuple):
    """A published file: its name, its address and its md5 sum where one is known."""

    name: str
    url: str
    md5: str | None


def check_params(caller: str, extra: dict[str, list[Any]] | None = None, /, **params: Any) -> None:
    """Raise an error that names the first parameter whose value is not allowed."""
    validate_parameter_constraints(_CONSTRAINTS | (extra or {}), params, caller_name=caller)


def import_optional(module: str, purpose: str, requirement: str) -> ModuleType:
    """Import an optional dependency, or say which requirement would install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{purpose} needs {module.partition('.')[0]}: run `pip install {requirement}`."
        ) from error


def import_pooch() -> ModuleType:
    """Import pooch, which knows the user's cache folder and fetches files."""
    return import_optional("pooch", "Fetching or caching data sets", "sk_sdlr[data]")


def data_folders(data_home: DataHome, dataset: str) -> Folders:
    """Return the folders to look in for a data set's files, the first one to fetch into."""
    home = data_home or os.environ.get("SK_SDLR_DATA") or import_pooch().os_cache("sk_sdlr")
    path = Path(home).expanduser()
    return path / dataset, path


def find_file(name: str, folders: Folders) -> Path | None:
    """Return the path of a file in the first folder that has it."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def get_file(
    remote: RemoteFile, folders: Folders, *, download: bool, other_names: tuple[str, ...] = ()
) -> Path:
    """Return the path of a published file or of a stand-in for it, fetching it if need be."""
    for name in (remote.name, *other_names):
        if path := find_file(name, folders):
            return path
    missing = f"{' or '.join((remote.name, *other_names))} not found in " + " or ".join(
        map(str, folders)
    )
    remedy = f"Download {remote.url} and put it into {folders[0]}"
    if not download:
        raise FileNotFoundError(f"{missing}. {remedy}, or pass download=True.")
    try:
        return _fetch(remote, folders[0])
    # pooch reports a checksum that does not hold as a ValueError.
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{missing}, and the download failed ({error}). {remedy}."
        ) from error


def _fetch(remote: RemoteFile, folder: Path) -> Path:
    known_hash = None if remote.md5 is None else f"md5:{remote.md5}"
    return Path(
        import_pooch().retrieve(
            remote.url, known_hash=known_hash, fname=remote.name, path=str(folder)
        )
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with a file's contents into a ValueError that names the file."""
    try:
        yield
    except (ValueError, EOFError, OSError, zlib.error, tarfile.TarError, zipfile.BadZipFile) as e:
        # An error number means that the system refused (rights, a bad disk), not the contents.
        if isinstance(e, OSError) and e.errno is not None:
            raise
        raise ValueError(f"{path} is damaged or not in the published layout: {e}") from e


def check_labels(labels: NDArray[Any], n_classes: int) -> None:
    """Raise an error if a label is not one of 0, ..., n_classes - 1."""
    wrong = labels[~np.isin(labels, np.arange(n_classes))]
    if wrong.size:
        raise ValueError(f"it has the label {wrong[0]}, but labels are 0 to {n_classes - 1}")


def convert_pixels(pixels: NDArray[np.uint8], dtype: PixelType) -> NDArray[Any]:
    """Return a writable, contiguous copy of the pixels, as bytes or scaled to [0, 1]."""
    if dtype == "uint8":
        return pixels.copy()
    return np.divide(pixels, np.float32(255), dtype=np.float32, order="C")
