import io
import tarfile

import numpy as np
import pytest

from sk_sdlr.datasets import load_cifar10

FOLDER = "cifar-10-batches-bin"
ARCHIVE = "cifar-10-binary.tar.gz"
TRAIN = [f"data_batch_{number}.bin" for number in range(1, 6)]
ALL = [*TRAIN, "test_batch.bin"]


def write_archive(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def records():
    """Two records a batch, by the batch's file name."""
    rng = np.random.default_rng(0)
    batches = {name: rng.integers(256, size=(2, 3073), dtype=np.uint8) for name in ALL}
    for number, batch in enumerate(batches.values()):
        batch[:, 0] = [number, 9 - number]
    return batches


@pytest.fixture
def members(records):
    return {f"{FOLDER}/{name}": batch.tobytes() for name, batch in records.items()}


@pytest.fixture
def home(tmp_path, members):
    (tmp_path / "cifar10").mkdir()
    write_archive(tmp_path / "cifar10" / ARCHIVE, members)
    return tmp_path


@pytest.mark.parametrize(
    ("subset", "names"), [("train", TRAIN), ("test", ["test_batch.bin"]), ("all", ALL)]
)
def test_subsets(home, records, subset, names):
    X, y = load_cifar10(subset, data_home=home, dtype="uint8", return_X_y=True, download=False)
    expected = np.concatenate([records[name] for name in names])
    assert X.dtype == np.uint8
    assert y.dtype == np.int64
    np.testing.assert_array_equal(X, expected[:, 1:])
    np.testing.assert_array_equal(y, expected[:, 0])


def test_default_is_the_training_set_scaled(home, records):
    cifar10 = load_cifar10(data_home=str(home), download=False)
    expected = np.concatenate([records[name] for name in TRAIN])
    assert cifar10.data.dtype == np.float32
    np.testing.assert_array_equal(cifar10.data, expected[:, 1:] / np.float32(255))
    np.testing.assert_array_equal(cifar10.target, expected[:, 0])


def test_bunch(home):
    cifar10 = load_cifar10("test", data_home=home, download=False)
    assert set(cifar10) == {"data", "target", "images", "target_names", "DESCR"}
    assert cifar10.images.shape == (2, 3, 32, 32)
    assert np.shares_memory(cifar10.images, cifar10.data)
    np.testing.assert_array_equal(cifar10.images[1, 2].ravel(), cifar10.data[1, 2048:])
    assert cifar10.target_names.tolist() == [
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
    ]


def test_order_of_members_does_not_matter(tmp_path, records, members):
    shuffled = {f"./{name}": members[name] for name in sorted(members, reverse=True)}
    write_archive(tmp_path / ARCHIVE, shuffled)
    y = load_cifar10("all", data_home=tmp_path, download=False).target
    np.testing.assert_array_equal(y, np.concatenate([batch[:, 0] for batch in records.values()]))


def test_nothing_is_unpacked(home):
    before = sorted(home.rglob("*"))
    load_cifar10("all", data_home=home, download=False)
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize("folder", ["", "cifar10", f"cifar10/{FOLDER}", FOLDER])
def test_unpacked_files(tmp_path, records, folder):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name, batch in records.items():
        (tmp_path / folder / name).write_bytes(batch.tobytes())
    X, _ = load_cifar10("all", data_home=tmp_path, dtype="uint8", return_X_y=True, download=False)
    expected = np.concatenate(list(records.values()))
    np.testing.assert_array_equal(X, expected[:, 1:])


def test_archive_is_read_where_an_unpacked_file_is_missing(home):
    (home / "data_batch_1.bin").write_bytes(b"not read")
    assert len(load_cifar10("train", data_home=home, download=False).target) == 10


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("subset", None, "'test'"),
        ("data_home", 3, "PathLike"),
        ("dtype", "float64", "'uint8'"),
        ("return_X_y", "yes", "bool"),
        ("download", "no", "bool"),
    ],
)
def test_bad_arguments(tmp_path, parameter, value, allowed):
    arguments = {"data_home": tmp_path, parameter: value}
    with pytest.raises(ValueError, match=f"'{parameter}'.*{allowed}.* Got {value!r}"):
        load_cifar10(**arguments)


def test_missing_archive(tmp_path):
    with pytest.raises(FileNotFoundError, match=ARCHIVE):
        load_cifar10(data_home=tmp_path, download=False)


def test_missing_archive_is_fetched(remote, home):
    archive = home / "cifar10" / ARCHIVE
    remote.files[ARCHIVE] = archive.read_bytes()
    archive.unlink()
    assert len(load_cifar10("test", data_home=home).target) == 2
    url = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
    md5 = "md5:c32a1d4ab5d03f1284b67883e8d87530"
    assert remote.calls == [(url, md5, ARCHIVE, home / "cifar10")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "has 0 bytes"),
        (bytes(3072), "has 3072 bytes, which is no positive multiple of 3073"),
        (bytes(3074), "has 3074 bytes"),
        (bytes([10]) + bytes(3072), "label 10, but labels are 0 to 9"),
    ],
)
def test_wrong_batch(tmp_path, members, content, problem):
    write_archive(tmp_path / ARCHIVE, members | {f"{FOLDER}/data_batch_3.bin": content})
    with pytest.raises(ValueError, match=f"{ARCHIVE} is damaged .*{problem}"):
        load_cifar10(data_home=tmp_path, download=False)
    (tmp_path / "test_batch.bin").write_bytes(content)
    with pytest.raises(ValueError, match=f"test_batch.bin is damaged .*{problem}"):
        load_cifar10("test", data_home=tmp_path, download=False)


def test_missing_member(tmp_path, members):
    del members[f"{FOLDER}/data_batch_4.bin"]
    write_archive(tmp_path / ARCHIVE, members)
    with pytest.raises(ValueError, match=f"{ARCHIVE} is damaged .*data_batch_4.bin"):
        load_cifar10(data_home=tmp_path, download=False)
    assert len(load_cifar10("test", data_home=tmp_path, download=False).target) == 2


def test_member_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "outside").write_bytes(bytes(3073))
    with tarfile.open(tmp_path / ARCHIVE, "w:gz") as archive:
        link = tarfile.TarInfo(f"{FOLDER}/test_batch.bin")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "outside")
        archive.addfile(link)
    with pytest.raises(ValueError, match=r"no member .*test_batch.bin"):
        load_cifar10("test", data_home=tmp_path, download=False)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"<html>not found</html>",
        lambda content: content[: len(content) // 2],
        lambda content: content[:100] + b"\xff" * 20 + content[120:],
    ],
    ids=["empty", "no gzip", "truncated", "garbled"],
)
def test_damaged_archive(home, damage):
    path = home / "cifar10" / ARCHIVE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=f"{ARCHIVE} is damaged"):
        load_cifar10("all", data_home=home, download=False)


@pytest.mark.data
@pytest.mark.parametrize(
    ("subset", "n_samples", "first"),
    [("train", 50_000, [6, 9, 9, 4, 1]), ("test", 10_000, [3, 8, 8, 0, 6])],
)
def test_real_files(real_home, subset, n_samples, first):
    X, y = load_cifar10(subset, data_home=real_home, dtype="uint8", return_X_y=True, download=False)
    assert X.shape == (n_samples, 3072)
    assert (X.min(), X.max()) == (0, 255)
    assert y[:5].tolist() == first
    assert np.bincount(y).tolist() == [n_samples // 10] * 10
