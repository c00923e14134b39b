import gzip
import struct

import numpy as np
import pytest

from sk_sdlr.datasets import load_mnist

LABELS = {"train": [5, 0, 4], "t10k": [7, 2]}
NAMES = [
    f"{prefix}-{kind}-ubyte.gz" for prefix in LABELS for kind in ("images-idx3", "labels-idx1")
]


def idx(items):
    """Return the bytes of an IDX file of unsigned bytes."""
    header = struct.pack(f">{1 + items.ndim}i", 0x0800 + items.ndim, *items.shape)
    return header + items.tobytes()


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return {
        prefix: rng.integers(256, size=(len(labels), 28, 28), dtype=np.uint8)
        for prefix, labels in LABELS.items()
    }


@pytest.fixture
def files(images):
    """The four published files by name, uncompressed."""
    contents = {}
    for prefix, labels in LABELS.items():
        contents[f"{prefix}-images-idx3-ubyte.gz"] = idx(images[prefix])
        contents[f"{prefix}-labels-idx1-ubyte.gz"] = idx(np.array(labels, np.uint8))
    return contents


@pytest.fixture
def home(tmp_path, files):
    (tmp_path / "mnist").mkdir()
    for name, content in files.items():
        (tmp_path / "mnist" / name).write_bytes(gzip.compress(content))
    return tmp_path


@pytest.mark.parametrize(
    ("subset", "prefixes"),
    [("train", ["train"]), ("test", ["t10k"]), ("all", ["train", "t10k"])],
)
def test_subsets(home, images, subset, prefixes):
    X, y = load_mnist(subset, data_home=home, dtype="uint8", return_X_y=True, download=False)
    expected = np.concatenate([images[prefix] for prefix in prefixes]).reshape(-1, 784)
    assert X.dtype == np.uint8
    assert y.dtype == np.int64
    np.testing.assert_array_equal(X, expected)
    np.testing.assert_array_equal(y, np.concatenate([LABELS[prefix] for prefix in prefixes]))


def test_default_is_the_training_set_scaled(home, images):
    mnist = load_mnist(data_home=str(home), download=False)
    assert mnist.data.dtype == np.float32
    np.testing.assert_array_equal(mnist.images, images["train"] / np.float32(255))
    np.testing.assert_array_equal(mnist.target, LABELS["train"])


def test_bunch(home):
    mnist = load_mnist(data_home=home, download=False)
    assert set(mnist) == {"data", "target", "images", "target_names", "DESCR"}
    assert mnist.images.shape == (3, 28, 28)
    assert np.shares_memory(mnist.images, mnist.data)
    assert mnist.target_names.tolist() == list("0123456789")


def test_environment_names_the_folder(home, monkeypatch):
    monkeypatch.setenv("SK_SDLR_DATA", str(home))
    assert load_mnist(download=False).data.shape == (3, 784)


def test_files_in_the_folder_itself(home):
    assert load_mnist(data_home=home / "mnist", download=False).data.shape == (3, 784)


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("subset", "valid", "'test'"),
        ("data_home", 3, "PathLike"),
        ("dtype", "float64", "'uint8'"),
        ("return_X_y", "yes", "bool"),
        ("download", None, "bool"),
    ],
)
def test_bad_arguments(tmp_path, parameter, value, allowed):
    arguments = {"data_home": tmp_path, parameter: value}
    with pytest.raises(ValueError, match=f"'{parameter}'.*{allowed}.* Got {value!r}"):
        load_mnist(**arguments)


@pytest.mark.parametrize("name", NAMES)
def test_missing_file(home, name):
    (home / "mnist" / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        load_mnist("all", data_home=home, download=False)


def test_missing_files_are_fetched(remote, tmp_path, files):
    remote.files = {name: gzip.compress(content) for name, content in files.items()}
    assert load_mnist("all", data_home=tmp_path).data.shape == (5, 784)
    folder, url = tmp_path / "mnist", "https://ossci-datasets.s3.amazonaws.com/mnist/"
    md5 = [
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ]
    assert remote.calls == [
        (url + name, f"md5:{digest}", name, folder) for name, digest in zip(NAMES, md5, strict=True)
    ]


def test_only_what_is_missing_is_fetched(remote, home, files):
    name = "train-labels-idx1-ubyte.gz"
    (home / "mnist" / name).unlink()
    remote.files = {name: gzip.compress(files[name])}
    assert load_mnist("all", data_home=home).data.shape == (5, 784)
    assert [call[2] for call in remote.calls] == [name]


def header(*values):
    return struct.pack(f">{len(values)}i", *values)


@pytest.mark.parametrize(
    ("kind", "content", "problem"),
    [
        ("images-idx3", b"", "header has 0 bytes instead of 16"),
        ("images-idx3", header(2051, 1), "header has 8 bytes instead of 16"),
        (
            "images-idx3",
            header(2049, 1, 28, 28) + bytes(784),
            "magic number is 2049 instead of 2051",
        ),
        ("images-idx3", header(2051, 1, 28, 28) + bytes(783), "promises 784 bytes, but 783 follow"),
        ("images-idx3", header(2051, 1, 28, 28) + bytes(785), "promises 784 bytes, but 785 follow"),
        ("images-idx3", header(2051, 1, 14, 56) + bytes(784), r"has the shape \(1, 14, 56\)"),
        ("images-idx3", header(2051, 0, 28, 28), r"has the shape \(0, 28, 28\)"),
        ("images-idx3", header(2051, -1, 28, 28) + bytes(784), "but 784 follow"),
        ("labels-idx1", header(2051, 3) + bytes(3), "magic number is 2051 instead of 2049"),
        ("labels-idx1", header(2049, 3) + bytes(2), "promises 3 bytes, but 2 follow"),
        ("labels-idx1", header(2049, 4) + bytes(4), "4 labels, but .* has 3 images"),
        ("labels-idx1", header(2049, 3) + bytes([1, 10, 3]), "label 10, but labels are 0 to 9"),
    ],
)
def test_wrong_contents(home, kind, content, problem):
    name = f"train-{kind}-ubyte.gz"
    (home / "mnist" / name).write_bytes(gzip.compress(content))
    with pytest.raises(ValueError, match=f"mnist.{name} is damaged .*{problem}"):
        load_mnist(data_home=home, download=False)


@pytest.mark.parametrize("kind", ["images-idx3", "labels-idx1"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"<html>not found</html>",
        lambda content: content[:-6],
        lambda content: content[:10] + b"\xff" * 20 + content[30:],
        lambda content: content[:-8] + b"\x00" * 8,
    ],
    ids=["no gzip", "truncated", "garbled", "wrong checksum"],
)
def test_damaged_gzip(home, kind, damage):
    path = home / "mnist" / f"train-{kind}-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        load_mnist(data_home=home, download=False)


@pytest.mark.data
@pytest.mark.parametrize(
    ("subset", "n_samples", "first"),
    [("train", 60_000, [5, 0, 4, 1, 9]), ("test", 10_000, [7, 2, 1, 0, 4])],
)
def test_real_files(real_home, subset, n_samples, first):
    X, y = load_mnist(subset, data_home=real_home, return_X_y=True, download=False)
    assert X.shape == (n_samples, 784)
    assert (X.min(), X.max()) == (0, 1)
    assert y[:5].tolist() == first
    assert np.unique(y).tolist() == list(range(10))
