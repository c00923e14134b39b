import gzip
import sys

import numpy as np
import pytest

from sk_sdlr.datasets import load_higgs
from sk_sdlr.datasets._base import data_folders, find_file

N_ROWS = 7
HIGH = ["m_jj", "m_jjj", "m_lv", "m_jlv", "m_bb", "m_wbb", "m_wwbb"]


@pytest.fixture
def table():
    """Labels in the first column, features after it."""
    rng = np.random.default_rng(0)
    labels = np.arange(N_ROWS)[:, None] % 3 == 0
    return np.hstack([labels, rng.normal(size=(N_ROWS, 28))]).astype(np.float32)


def write_csv(path, table):
    text = "\n".join(",".join(str(value) for value in row) for row in table.tolist()) + "\n"
    path.write_text(text)


def write_csv_gz(path, table):
    write_csv(path, table)
    path.write_bytes(gzip.compress(path.read_bytes()))


def write_npz(path, table):
    np.savez(path, X=table[:, 1:].astype(np.float64), y=table[:, 0].astype(np.uint8))


def write_parquet(path, table):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {f"column {number}": column for number, column in enumerate(table.T)}
    parquet.write_table(pa.table(columns), path, row_group_size=3)


WRITERS = {
    "HIGGS.csv.gz": write_csv_gz,
    "HIGGS.csv": write_csv,
    "HIGGS.npz": write_npz,
    "HIGGS.parquet": write_parquet,
}


@pytest.fixture(params=WRITERS)
def path(request, tmp_path, table):
    """One file of the table in each format."""
    (tmp_path / "higgs").mkdir()
    path = tmp_path / "higgs" / request.param
    WRITERS[path.name](path, table)
    return path


@pytest.mark.parametrize("n_samples", [None, 1, 3, 4, N_ROWS])
@pytest.mark.parametrize(
    ("features", "columns"), [("all", slice(1, 29)), ("low", slice(1, 22)), ("high", slice(22, 29))]
)
def test_values(path, table, features, columns, n_samples):
    home = path.parent.parent
    X, y = load_higgs(features, n_samples=n_samples, data_home=home, return_X_y=True)
    assert X.dtype == np.float32
    assert y.dtype == np.int64
    assert X.flags.c_contiguous
    assert X.flags.owndata
    np.testing.assert_array_equal(X, table[:n_samples, columns])
    np.testing.assert_array_equal(y, table[:n_samples, 0])


def test_more_samples_than_there_are(path):
    with pytest.raises(ValueError, match=f"n_samples=8 .*{path.name} has 7"):
        load_higgs(n_samples=8, data_home=path.parent)


def test_bunch(tmp_path, table):
    write_csv(tmp_path / "HIGGS.csv", table)
    higgs = load_higgs(data_home=str(tmp_path))
    assert set(higgs) == {"data", "target", "feature_names", "target_names", "DESCR"}
    assert higgs.data.shape == (N_ROWS, 28)
    assert len(set(higgs.feature_names)) == 28
    assert higgs.feature_names[-7:] == HIGH
    assert higgs.feature_names[5:9] == ["jet 1 pt", "jet 1 eta", "jet 1 phi", "jet 1 b-tag"]
    assert higgs.target_names.tolist() == ["background", "signal"]
    assert load_higgs("high", data_home=tmp_path).feature_names == HIGH
    assert load_higgs("low", data_home=tmp_path).feature_names == higgs.feature_names[:21]


def test_order_of_formats(tmp_path, table):
    for number, (name, write) in enumerate(WRITERS.items()):
        write(tmp_path / name, table[: number + 1])
    for number, name in enumerate(WRITERS):
        assert len(load_higgs(data_home=tmp_path).target) == number + 1
        (tmp_path / name).unlink()


@pytest.mark.parametrize("name", ["HIGGS.csv", "HIGGS.csv.gz"])
def test_only_the_rows_asked_for_are_read(tmp_path, name):
    table = np.random.default_rng(0).normal(size=(3000, 29)).astype(np.float32)
    table[:, 0] = 1
    WRITERS[name](tmp_path / name, table)
    size = (tmp_path / name).stat().st_size
    with (tmp_path / name).open("r+b") as file:
        file.truncate(size // 2)
        file.seek(size // 2)
        file.write(b"damaged")
    X, _ = load_higgs(n_samples=100, data_home=tmp_path, return_X_y=True)
    np.testing.assert_array_equal(X, table[:100, 1:])
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        load_higgs(data_home=tmp_path)


def test_empty_lines_do_not_count(tmp_path, table):
    path = tmp_path / "HIGGS.csv"
    write_csv(path, table)
    path.write_text(path.read_text().replace("\n", "\n\n"))
    assert len(load_higgs(data_home=tmp_path).target) == N_ROWS
    assert len(load_higgs(n_samples=2, data_home=tmp_path).target) == 2


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("features", "mid", "'high'"),
        ("n_samples", 0, "None"),
        ("n_samples", 2.5, "None"),
        ("data_home", 3, "PathLike"),
        ("return_X_y", "yes", "bool"),
        ("download", None, "bool"),
    ],
)
def test_bad_arguments(tmp_path, parameter, value, allowed):
    arguments = {"data_home": tmp_path, parameter: value}
    with pytest.raises(ValueError, match=f"'{parameter}'.*{allowed}.* Got {value!r}"):
        load_higgs(**arguments)


def test_missing_file_is_not_fetched_by_default(remote, tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        load_higgs(data_home=tmp_path)
    for name in WRITERS:
        assert name in str(raised.value)
    assert not remote.calls


def test_missing_file_is_fetched_if_asked_for(remote, tmp_path, table):
    write_csv_gz(tmp_path / "source", table)
    remote.files["HIGGS.csv.gz"] = (tmp_path / "source").read_bytes()
    assert len(load_higgs(data_home=tmp_path, download=True).target) == N_ROWS
    url = "https://archive.ics.uci.edu/ml/machine-learning-databases/00280/HIGGS.csv.gz"
    assert remote.calls == [(url, None, "HIGGS.csv.gz", tmp_path / "higgs")]


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    (tmp_path / "HIGGS.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow.dataset", None)
    with pytest.raises(ImportError, match="needs pyarrow: run `pip install pyarrow`"):
        load_higgs(data_home=tmp_path)


@pytest.mark.parametrize("name", ["HIGGS.csv", "HIGGS.csv.gz", "HIGGS.parquet"])
@pytest.mark.parametrize("n_columns", [1, 28, 30])
def test_wrong_number_of_columns(tmp_path, name, n_columns):
    WRITERS[name](tmp_path / name, np.zeros((2, n_columns)))
    with pytest.raises(ValueError, match=f"{name} is damaged .*has {n_columns} columns"):
        load_higgs(data_home=tmp_path)


@pytest.mark.parametrize("label", [2, -1, 0.5])
def test_wrong_label(path, table, label):
    if path.suffix == ".npz":
        np.savez(path, X=table[:, 1:], y=np.full(N_ROWS, label))
    else:
        table[3, 0] = label
        WRITERS[path.name](path, table)
    with pytest.raises(ValueError, match=f"{path.name} is damaged .*label {label}"):
        load_higgs(data_home=path.parent)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite(path, table, value):
    table[3, 28] = value
    WRITERS[path.name](path, table)
    with pytest.raises(ValueError, match=f"{path.name} is damaged .*m_wwbb is .* in row 3"):
        load_higgs(data_home=path.parent)


def test_no_rows(path, table):
    WRITERS[path.name](path, table[:0])
    with pytest.raises(ValueError, match=f"{path.name} is damaged .*no rows"):
        load_higgs(data_home=path.parent)


@pytest.mark.parametrize("content", [b"", b"\x00\xff<html>not found</html>"])
def test_file_of_another_kind(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        load_higgs(data_home=path.parent)


@pytest.mark.parametrize("path", ["HIGGS.csv.gz", "HIGGS.npz", "HIGGS.parquet"], indirect=True)
def test_truncated_file(path):
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        load_higgs(data_home=path.parent)


GOOD = ",".join(["1.0"] * 29)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (GOOD + ",1.0", "columns changed from 29 to 30 at row"),
        (GOOD[:-4], "columns changed from 29 to 28 at row"),
        (GOOD.replace("1.0", "", 1), "could not convert"),
        (GOOD[:-3] + "one", "could not convert string 'one'"),
        (GOOD[:-3] + "1e99", "m_wwbb is missing or not finite in row 1"),
        ("# " + GOOD, "could not convert"),
    ],
)
def test_wrong_row(tmp_path, bad, problem):
    (tmp_path / "HIGGS.csv").write_text(f"{GOOD}\n{bad}\n{GOOD}\n")
    with pytest.raises(ValueError, match=f"HIGGS.csv is damaged .*{problem}"):
        load_higgs(data_home=tmp_path)


def test_header_is_refused(tmp_path):
    (tmp_path / "HIGGS.csv").write_text(",".join(["label"] * 29) + f"\n{GOOD}\n")
    with pytest.raises(ValueError, match="could not convert string 'label'"):
        load_higgs(data_home=tmp_path)


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"X": np.zeros((2, 28))}, "no array y"),
        ({"y": np.zeros(2)}, "no array X"),
        ({"X": np.zeros((2, 28)), "y": np.zeros(3)}, r"shape \(2, 28\) and y the shape \(3,\)"),
        ({"X": np.zeros((2, 28)), "y": np.zeros((2, 1))}, r"y the shape \(2, 1\)"),
        ({"X": np.zeros(28), "y": np.zeros(28)}, r"X has the shape \(28,\)"),
        ({"X": np.zeros((2, 27)), "y": np.zeros(2)}, "has 28 columns"),
        ({"X": np.full((2, 28), "a"), "y": np.zeros(2)}, "features are not numbers"),
        ({"X": np.zeros((2, 28)), "y": np.array(["s", "b"])}, "labels are not numbers"),
        ({"X": np.full((2, 28), None), "y": np.zeros(2)}, "allow_pickle=False"),
        ({"X": np.full((2, 28), 1e99), "y": np.zeros(2)}, "lepton pT is .* not finite in row 0"),
    ],
)
def test_wrong_arrays(tmp_path, arrays, problem):
    np.savez(tmp_path / "HIGGS.npz", **arrays)
    with pytest.raises(ValueError, match=f"HIGGS.npz is damaged .*{problem}"):
        load_higgs(data_home=tmp_path)


def test_single_array_for_an_npz_file(tmp_path):
    with (tmp_path / "HIGGS.npz").open("wb") as file:
        np.save(file, np.zeros((2, 29)))
    with pytest.raises(ValueError, match=r"HIGGS.npz is damaged .*a single array"):
        load_higgs(data_home=tmp_path)


def test_text_in_a_parquet_file(tmp_path, table):
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {str(number): column for number, column in enumerate(table.T)}
    columns["28"] = ["one"] * N_ROWS
    parquet.write_table(pa.table(columns), tmp_path / "HIGGS.parquet")
    with pytest.raises(ValueError, match=r"HIGGS.parquet is damaged .*not numbers"):
        load_higgs(data_home=tmp_path)


@pytest.mark.data
def test_real_file(real_home):
    path = find_file("HIGGS.csv.gz", data_folders(real_home, "higgs"))
    if path is None or path.stat().st_size > 1e9:
        pytest.skip("the stand-in of 63,979 rows is not there, or the published file is")
    X, y = load_higgs(data_home=real_home, return_X_y=True)
    assert X.shape == (63_979, 28)
    assert np.mean(y) == pytest.approx(0.5235, abs=5e-5)
    # The masses are positive, and in units in which each has a mean of about 1.
    assert (X[:, 21:] > 0).all()
    np.testing.assert_allclose(X[:, 21:].mean(axis=0), 1, atol=0.1)
