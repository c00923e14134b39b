"""The MNIST handwritten digits, from the published IDX files."""

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ._base import (
    DataHome,
    PixelType,
    RemoteFile,
    Subset,
    check_labels,
    check_params,
    convert_pixels,
    data_folders,
    get_file,
    reading,
)

_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
_PREFIXES = {"train": ("train",), "test": ("t10k",), "all": ("train", "t10k")}
_IMAGE_SHAPE = (28, 28)
_DESCR = """\
MNIST: 70,000 grey-scale images of handwritten digits, 28 x 28 pixels each, of which 60,000 are
for training and 10,000 for testing. LeCun, Bottou, Bengio and Haffner, 1998."""


def load_mnist(
    subset: Subset = "train",
    *,
    data_home: DataHome = None,
    dtype: PixelType = "float32",
    return_X_y: bool = False,
    download: bool = True,
) -> Bunch | tuple[NDArray[Any], NDArray[np.int64]]:
    """
    Load the MNIST handwritten digits (classification).

    The four gzipped IDX files are read as published. They are looked for in
    ``<data_home>/mnist`` and then in ``<data_home>``.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The 60,000 training images, the 10,000 test images, or both in this order.
    data_home : str or path-like, default=None
        The data folder. By default the environment variable ``SK_SDLR_DATA`` names it, and
        where that is not set it is the user's cache folder.
    dtype : {"float32", "uint8"}, default="float32"
        ``"float32"`` scales the pixels to [0, 1], ``"uint8"`` leaves them in 0, ..., 255.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    download : bool, default=True
        Fetch files that are missing (12 MB in all) into ``<data_home>/mnist`` and verify their
        checksums. Needs pooch.

    Returns
    -------
    mnist : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray of shape (n_samples, 784)
            The images row by row, in grey levels from 0 (background) upwards.
        target : ndarray of shape (n_samples,), int64
            The digits, 0 to 9.
        images : ndarray of shape (n_samples, 28, 28)
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
        If a file is missing and ``download=False``, or if fetching it failed.
    ImportError
        If a file must be fetched and pooch is not installed.
    ValueError
        If a parameter has a value that is not allowed, or if a file is damaged.

    See Also
    --------
    load_cifar10 : Colour images, harder to tell apart.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to
       document recognition", Proceedings of the IEEE 86(11), 1998.

    Examples
    --------
    Two blank images, stored in the published layout:

    >>> import gzip, pathlib, struct, tempfile
    >>> from sk_sdlr.datasets import load_mnist
    >>> folder = tempfile.TemporaryDirectory()
    >>> images = struct.pack(">4i", 2051, 2, 28, 28) + bytes(2 * 784)
    >>> labels = struct.pack(">2i", 2049, 2) + bytes([7, 2])
    >>> for name, content in [("images-idx3", images), ("labels-idx1", labels)]:
    ...     path = pathlib.Path(folder.name, f"t10k-{name}-ubyte.gz")
    ...     _ = path.write_bytes(gzip.compress(content))
    >>> mnist = load_mnist("test", data_home=folder.name, download=False)
    >>> mnist.data.shape, mnist.images.shape
    ((2, 784), (2, 28, 28))
    >>> mnist.target
    array([7, 2])
    >>> folder.cleanup()
    """
    check_params(
        "load_mnist",
        subset=subset,
        data_home=data_home,
        dtype=dtype,
        return_X_y=return_X_y,
        download=download,
    )
    folders = data_folders(data_home, "mnist")

    def get(name: str) -> Path:
        return get_file(RemoteFile(name, _URL + name, _MD5[name]), folders, download=download)

    # Every file is there before the first one is read.
    paths = [
        (get(f"{prefix}-images-idx3-ubyte.gz"), get(f"{prefix}-labels-idx1-ubyte.gz"))
        for prefix in _PREFIXES[subset]
    ]
    images, labels = zip(*(_read_pair(*pair) for pair in paths), strict=True)
    X = convert_pixels(np.concatenate(images), dtype)
    y = np.concatenate(labels).astype(np.int64)
    if return_X_y:
        return X, y
    return Bunch(
        data=X,
        target=y,
        images=X.reshape(-1, *_IMAGE_SHAPE),
        target_names=np.array([str(digit) for digit in range(10)]),
        DESCR=_DESCR,
    )


def _read_pair(images_path: Path, labels_path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images = _read_idx(images_path, _IMAGE_SHAPE).reshape(-1, math.prod(_IMAGE_SHAPE))
    labels = _read_idx(labels_path, ())
    with reading(labels_path):
        if len(labels) != len(images):
            raise ValueError(
                f"it has {len(labels)} labels, but {images_path} has {len(images)} images"
            )
        check_labels(labels, n_classes=10)
    return images, labels


def _read_idx(path: Path, item_shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Read a gzipped IDX file of unsigned bytes: magic number, big-endian sizes, items."""
    n_sizes = 1 + len(item_shape)
    n_header = 4 * (1 + n_sizes)
    with reading(path):
        with gzip.open(path) as file:
            content = file.read()
        if len(content) < n_header:
            raise ValueError(f"its header has {len(content)} bytes instead of {n_header}")
        magic, *sizes = (int(value) for value in np.frombuffer(content[:n_header], ">u4"))
        # 0x08 stands for unsigned bytes, the last byte for the number of dimensions.
        if magic != 0x0800 + n_sizes:
            raise ValueError(f"its magic number is {magic} instead of {0x0800 + n_sizes}")
        if sizes[0] == 0 or tuple(sizes[1:]) != item_shape:
            raise ValueError(f"its header has the shape {tuple(sizes)}, not {('n', *item_shape)}")
        if len(content) - n_header != math.prod(sizes):
            raise ValueError(
                f"its header promises {math.prod(sizes)} bytes, "
                f"but {len(content) - n_header} follow"
            )
    return np.frombuffer(content, np.uint8, offset=n_header).reshape(sizes)
