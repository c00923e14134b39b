"""The CIFAR-10 tiny images, from the published binary version."""

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ._base import (
    DataHome,
    Folders,
    PixelType,
    RemoteFile,
    Subset,
    check_labels,
    check_params,
    convert_pixels,
    data_folders,
    find_file,
    get_file,
    reading,
)

_ARCHIVE = RemoteFile(
    "cifar-10-binary.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
)
_ARCHIVE_FOLDER = "cifar-10-batches-bin"
_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = ("test_batch.bin",)
_BATCHES = {"train": _TRAIN, "test": _TEST, "all": _TRAIN + _TEST}
_IMAGE_SHAPE = (3, 32, 32)
_RECORD_SIZE = 1 + 3 * 32 * 32
_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_DESCR = """\
CIFAR-10: 60,000 colour images of ten kinds of objects, 32 x 32 pixels each, of which 50,000 are
for training and 10,000 for testing. Krizhevsky, 2009."""


def load_cifar10(
    subset: Subset = "train",
    *,
    data_home: DataHome = None,
    dtype: PixelType = "float32",
    return_X_y: bool = False,
    download: bool = True,
) -> Bunch | tuple[NDArray[Any], NDArray[np.int64]]:
    """
    Load the CIFAR-10 tiny images (classification).

    The binary version is read as published: either its unpacked ``.bin`` files or the archive
    ``cifar-10-binary.tar.gz``, which is never unpacked to disk. They are looked for in
    ``<data_home>/cifar10`` and then in ``<data_home>``.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The 50,000 training images, the 10,000 test images, or both in this order.
    data_home : str or path-like, default=None
        The data folder. By default the environment variable ``SK_SDLR_DATA`` names it, and
        where that is not set it is the user's cache folder.
    dtype : {"float32", "uint8"}, default="float32"
        ``"float32"`` scales the pixels to [0, 1], ``"uint8"`` leaves them in 0, ..., 255.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    download : bool, default=True
        Fetch the archive (170 MB) into ``<data_home>/cifar10`` if it is missing and verify its
        checksum. Needs pooch.

    Returns
    -------
    cifar10 : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples, 3072)
            The images, each as its red, its green and its blue plane, each plane row by row.
        target : ndarray of shape (n_samples,), int64
            The classes, 0 to 9.
        images : ndarray of shape (n_samples, 3, 32, 32)
            A view of ``data``.
        target_names : ndarray of shape (10,)
            The names of the classes.
        DESCR : str
            A description of the data set.

    (data, target) : tuple
        The two arrays alone, if ``return_X_y=True``.

    Raises
    ------
    FileNotFoundError
        If the archive is missing and ``download=False``, or if fetching it failed.
    ImportError
        If the archive must be fetched and pooch is not installed.
    ValueError
        If a parameter has a value that is not allowed, or if a file is damaged.

    See Also
    --------
    load_mnist : Handwritten digits, easier to tell apart.

    Notes
    -----
    All 60,000 images take 737 MB as ``"float32"`` and 184 MB as ``"uint8"``.

    References
    ----------
    .. [1] A. Krizhevsky, "Learning multiple layers of features from tiny images", technical
       report, University of Toronto, 2009.

    Examples
    --------
    Two black images, stored in the published layout:

    >>> import pathlib, tempfile
    >>> from sk_sdlr.datasets import load_cifar10
    >>> folder = tempfile.TemporaryDirectory()
    >>> records = bytes([3]) + bytes(3072) + bytes([8]) + bytes(3072)
    >>> _ = pathlib.Path(folder.name, "test_batch.bin").write_bytes(records)
    >>> cifar10 = load_cifar10("test", data_home=folder.name, download=False)
    >>> cifar10.data.shape, cifar10.images.shape
    ((2, 3072), (2, 3, 32, 32))
    >>> [str(name) for name in cifar10.target_names[cifar10.target]]
    ['cat', 'ship']
    >>> folder.cleanup()
    """
    check_params(
        "load_cifar10",
        subset=subset,
        data_home=data_home,
        dtype=dtype,
        return_X_y=return_X_y,
        download=download,
    )
    folders = data_folders(data_home, "cifar10")
    records = np.concatenate(_read_batches(_BATCHES[subset], folders, download=download))
    X = convert_pixels(records[:, 1:], dtype)
    y = records[:, 0].astype(np.int64)
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        images=X.reshape(-1, *_IMAGE_SHAPE),
        target_names=np.array(_CLASSES),
        DESCR=_DESCR,
    )


def _read_batches(
    names: tuple[str, ...], folders: Folders, *, download: bool
) -> list[NDArray[np.uint8]]:
    """Read batches from their unpacked files if all of them are there, else from the archive."""
    unpacked_in = tuple(path for folder in folders for path in (folder, folder / _ARCHIVE_FOLDER))
    unpacked = [path for name in names if (path := find_file(name, unpacked_in))]
    if len(unpacked) == len(names):
        return [_read_unpacked(path) for path in unpacked]
    return _read_archive(get_file(_ARCHIVE, folders, download=download), names)


def _read_unpacked(path: Path) -> NDArray[np.uint8]:
    with reading(path):
        return _parse_batch(path.name, path.read_bytes())


def _read_archive(path: Path, names: tuple[str, ...]) -> list[NDArray[np.uint8]]:
    wanted = {f"{_ARCHIVE_FOLDER}/{name}" for name in names}
    batches: dict[str, NDArray[np.uint8]] = {}
    # To go back in a gzipped archive is to read it again, so its members are taken as they come.
    with reading(path), tarfile.open(path, "r:gz") as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            if name in wanted and member.isfile() and (file := archive.extractfile(member)):
                batches[name] = _parse_batch(name, file.read())
            if len(batches) == len(wanted):
                break
        if missing := sorted(wanted - batches.keys()):
            raise ValueError(f"it has no member {missing[0]}")
    return [batches[f"{_ARCHIVE_FOLDER}/{name}"] for name in names]


def _parse_batch(name: str, content: bytes) -> NDArray[np.uint8]:
    """Return the records of a batch: a label byte and the pixel bytes in each row."""
    if not content or len(content) % _RECORD_SIZE:
        raise ValueError(
            f"{name} has {len(content)} bytes, which is no positive multiple of {_RECORD_SIZE}"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD_SIZE)
    check_labels(records[:, 0], n_classes=10)
    return records
