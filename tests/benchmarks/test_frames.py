"""Raw tables are read as they are, and split once."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pytest

from benchmarks.data import FRAMES, load_frames, words_of


def table(n_rows=100):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": np.arange(n_rows, dtype=float),
            "word": rng.choice(["a", "b"], n_rows),
            "flag": rng.random(n_rows) > 0.5,
            "few": np.arange(n_rows) % 3,
            "target": rng.random(n_rows),
        }
    )


@pytest.fixture
def path(tmp_path):
    table().to_csv(tmp_path / "mine.csv", index=False)
    return str(tmp_path / "mine.csv")


def test_the_last_fifth_of_a_shuffled_file_is_the_test_part(path):
    data = load_frames(path, target="target")
    train, test = (list(X["number"]) for X in (data.X, data.X_test))
    assert (len(train), len(test)) == (80, 20)
    assert sorted(train + test) == list(range(100))
    assert train != sorted(train)
    again = load_frames(path, target="target")
    assert list(again.X["number"]) == train
    rows = table().set_index("number")
    np.testing.assert_allclose(data.y_test, rows.loc[test, "target"])
    assert words_of(data.X) == ["word"]
    assert "target" not in data.X


@pytest.mark.parametrize("ending", ["csv.gz", "parquet"])
def test_other_formats_are_the_same_table(path, tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
        table().to_parquet(tmp_path / "mine.parquet")
    else:
        table().to_csv(tmp_path / "mine.csv.gz", index=False)
    found = load_frames(str(tmp_path / f"mine.{ending}"), target="target")
    wanted = load_frames(path, target="target")
    assert list(found.X["number"]) == list(wanted.X["number"])
    np.testing.assert_allclose(found.y, wanted.y)


@pytest.mark.parametrize(
    ("target", "task", "n_classes"),
    [
        ("word", "auto", 2),
        ("flag", "auto", 2),
        ("few", "auto", 3),
        ("few", "regression", None),
        ("target", "auto", None),
        ("number", "classification", 100),
    ],
)
def test_what_classes_are(path, target, task, n_classes):
    if n_classes == 100:  # one row each
        with pytest.raises(ValueError, match="every class of 'number' must have rows to train"):
            load_frames(path, target=target, task=task)
        return
    data = load_frames(path, target=target, task=task)
    assert data.is_classification == (n_classes is not None)
    if n_classes:
        assert set(data.y) == set(range(n_classes))


def test_a_raw_table_keeps_its_order_and_only_what_is_empty_is_a_gap(tmp_path):
    (tmp_path / "tables").mkdir()
    lines = [f"{i},{'NA' if i % 2 else ''},{'gh'[i // 2 % 2]}" for i in range(20)]
    with gzip.open(tmp_path / "tables" / "magic.csv.gz", "wt") as file:
        file.write("\n".join(["number,word,class", *lines]))
    data = load_frames("magic", tmp_path)
    assert list(data.X["number"]) == list(range(16))
    assert list(data.X_test["number"]) == [16, 17, 18, 19]
    assert list(data.X_test["word"].isna()) == [True, False, True, False]
    assert list(data.y[:4]) == [0, 0, 1, 1]


def test_a_share_is_of_the_first_rows(monkeypatch, path):
    monkeypatch.setattr("benchmarks.data._frames.LEAST_ROWS", 10)
    whole = load_frames(path, target="target")
    part = load_frames(path, target="target", share=0.5)
    assert (len(part.y), len(part.y_test)) == (40, 10)
    assert list(part.X["number"]) == list(whole.X["number"][:40])
    assert len(load_frames(path, target="target", share=0.01).y) == 8


def test_a_set_of_arrays_keeps_its_own_split(small_sets):
    data = load_frames("higgs28")
    assert isinstance(data.X, pd.DataFrame)
    assert (data.X.shape, data.X_test.shape) == ((120, 28), (40, 28))
    assert set(FRAMES) >= {"higgs28", "bank_marketing", "california_housing", "letter", "magic"}


@pytest.mark.parametrize(
    ("change", "target", "message"),
    [
        ({}, "nothing", "must be a column of the table. Got 'nothing'"),
        ({"day": pd.Timestamp("2020-01-01")}, "target", "Got 'day' of datetime64"),
        ({"target": [None] + [1.0] * 99}, "target", "1 gaps"),
    ],
)
def test_what_a_file_must_be(tmp_path, change, target, message):
    pytest.importorskip("pyarrow")
    table().assign(**change).to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(ValueError, match=message):
        load_frames(str(tmp_path / "bad.parquet"), target=target)


@pytest.mark.parametrize("name", ["none.csv", "there.txt"])
def test_a_file_must_be_there_and_of_a_known_format(tmp_path, name):
    (tmp_path / "there.txt").write_text("a,b")
    with pytest.raises(FileNotFoundError, match=name):
        load_frames(str(tmp_path / name), target="a")
