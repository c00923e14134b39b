import errno
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from sk_sdlr.datasets._base import (
    RemoteFile,
    check_labels,
    convert_pixels,
    data_folders,
    find_file,
    get_file,
    reading,
)

CONTENT = b"some rows"
REMOTE = RemoteFile("rows.bin", "https://example.org/rows.bin", hashlib.md5(CONTENT).hexdigest())


def test_argument_goes_before_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SK_SDLR_DATA", "/elsewhere")
    assert data_folders(tmp_path, "mnist") == (tmp_path / "mnist", tmp_path)
    assert data_folders(str(tmp_path), "mnist") == (tmp_path / "mnist", tmp_path)


def test_environment_goes_before_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SK_SDLR_DATA", str(tmp_path))
    assert data_folders(None, "higgs") == (tmp_path / "higgs", tmp_path)


@pytest.mark.parametrize("value", [None, ""])
def test_cache_is_the_last_resort(value, monkeypatch):
    pooch = pytest.importorskip("pooch")
    monkeypatch.setattr(pooch, "os_cache", lambda project: Path("/cache", project))
    if value is None:
        monkeypatch.delenv("SK_SDLR_DATA", raising=False)
    else:
        monkeypatch.setenv("SK_SDLR_DATA", value)
    assert data_folders(None, "higgs") == (Path("/cache/sk_sdlr/higgs"), Path("/cache/sk_sdlr"))


def test_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert data_folders("~/data", "mnist")[1] == tmp_path / "data"


def test_without_pooch_there_is_no_cache(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.delenv("SK_SDLR_DATA", raising=False)
    with pytest.raises(ImportError, match=r"needs pooch: run `pip install sk_sdlr\[data\]`"):
        data_folders(None, "mnist")


def test_without_pooch_nothing_is_fetched(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"needs pooch: run `pip install sk_sdlr\[data\]`"):
        get_file(REMOTE, (tmp_path,), download=True)


def test_first_folder_that_has_the_file_wins(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    second.mkdir()
    (second / "a").touch()
    assert find_file("a", (first, second)) == second / "a"
    (first / "a").mkdir(parents=True)  # a folder is no file
    assert find_file("a", (first, second)) == second / "a"
    (first / "a").rmdir()
    (first / "a").touch()
    assert find_file("a", (first, second)) == first / "a"
    assert find_file("b", (first, second)) is None


def test_first_name_wins_over_first_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b").touch()
    folders = (tmp_path / "in", tmp_path)
    found = get_file(REMOTE, folders, download=False, other_names=("a", "b"))
    assert found == tmp_path / "in" / "b"
    (tmp_path / "a").touch()
    found = get_file(REMOTE, folders, download=False, other_names=("a", "b"))
    assert found == tmp_path / "a"


def test_missing_file_without_download(remote, tmp_path):
    folders = (tmp_path / "rows", tmp_path)
    with pytest.raises(FileNotFoundError) as raised:
        get_file(REMOTE, folders, download=False, other_names=("rows.csv",))
    for part in ("rows.bin or rows.csv", *map(str, folders), REMOTE.url, "download=True"):
        assert part in str(raised.value)
    assert f"put it into {folders[0]}" in str(raised.value)
    assert not remote.calls


def test_missing_file_is_fetched_into_the_first_folder(remote, tmp_path):
    remote.files["rows.bin"] = CONTENT
    folders = (tmp_path / "rows", tmp_path)
    path = get_file(REMOTE, folders, download=True)
    assert path == folders[0] / "rows.bin"
    assert remote.calls == [(REMOTE.url, f"md5:{REMOTE.md5}", "rows.bin", folders[0])]
    assert get_file(REMOTE, folders, download=True) == path
    assert len(remote.calls) == 1


def test_file_without_known_checksum(remote, tmp_path):
    remote.files["rows.bin"] = CONTENT
    get_file(REMOTE._replace(md5=None), (tmp_path,), download=True)
    assert remote.calls == [(REMOTE.url, None, "rows.bin", tmp_path)]


def test_failed_download_says_what_to_do(remote, tmp_path):
    with pytest.raises(FileNotFoundError, match="no route to host") as raised:
        get_file(REMOTE, (tmp_path / "rows", tmp_path), download=True)
    assert isinstance(raised.value.__cause__, ConnectionError)
    assert REMOTE.url in str(raised.value)
    assert f"put it into {tmp_path / 'rows'}" in str(raised.value)


@pytest.fixture
def serve(monkeypatch):
    """Let pooch itself fetch, but from a function instead of the network."""
    pooch = pytest.importorskip("pooch")

    def serve(content, error=None):
        def download(self, url, output_file, pooch, check_only=False):
            Path(output_file).write_bytes(content)
            if error:
                raise error

        monkeypatch.setattr(pooch.downloaders.HTTPDownloader, "__call__", download)

    return serve


def test_pooch_fetches(serve, tmp_path):
    serve(CONTENT)
    path = get_file(REMOTE, (tmp_path / "rows", tmp_path), download=True)
    assert path == tmp_path / "rows" / "rows.bin"
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "error"),
    [(CONTENT[:4], ConnectionError("connection reset")), (CONTENT[:4], None)],
    ids=["connection lost", "wrong checksum"],
)
def test_failed_download_leaves_no_file(serve, tmp_path, content, error):
    serve(content, error)
    with pytest.raises(FileNotFoundError, match=r"connection reset|hash"):
        get_file(REMOTE, (tmp_path / "rows", tmp_path), download=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("error", [ValueError("odd"), EOFError("odd"), OSError("odd")])
def test_bad_contents_are_value_errors(error):
    path = Path("some/file")
    with pytest.raises(ValueError, match=r"file is damaged .*: odd") as raised, reading(path):
        raise error
    assert raised.value.__cause__ is error


def test_refusals_by_the_system_pass():
    with pytest.raises(PermissionError), reading(Path("some/file")):
        raise PermissionError(errno.EACCES, "denied")


@pytest.mark.parametrize("wrong", [-1, 3, 0.5, np.nan])
def test_wrong_label(wrong):
    check_labels(np.array([0, 1, 2]), n_classes=3)
    with pytest.raises(ValueError, match=f"label {wrong}, but labels are 0 to 2"):
        check_labels(np.array([0, wrong, 1]), n_classes=3)


@pytest.mark.parametrize(("dtype", "white"), [("uint8", 255), ("float32", 1.0)])
def test_pixels_are_a_writable_contiguous_copy(dtype, white):
    pixels = np.frombuffer(bytes([9, 0, 255, 9, 51, 255]), np.uint8).reshape(2, 3)[:, 1:]
    converted = convert_pixels(pixels, dtype)
    assert converted.dtype == dtype
    assert converted.flags.c_contiguous
    assert converted.flags.writeable
    assert not np.shares_memory(converted, pixels)
    np.testing.assert_array_equal(converted, np.array([[0, 1], [0.2, 1]], np.float32) * white)
