"""Sets are split as the benchmarks want them, and files that are wrong say what is wrong."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks.data import SETS, from_file, held_out, load, load_or_generate
from benchmarks.data._made import SHAPES, generated, one_in_a_hundred, with_random_labels


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    return rng.normal(3, 2, (40, 5)), rng.integers(0, 3, 40)


def test_a_file_is_split_once_and_for_all_and_scaled_by_its_training_rows(tmp_path, rows):
    X, y = rows
    first = load(str(write(tmp_path / "a.npz", X=X, y=y)))
    second = from_file(tmp_path / "a.npz")
    assert first.X.shape == (30, 5)
    assert first.X_test.shape == (10, 5)
    assert first.is_classification
    assert_allclose(first.X.mean(0), 0, atol=1e-5)
    assert_allclose(first.X.std(0), 1, atol=1e-5)
    assert abs(first.X_test.mean(0)).max() > 1e-3
    for one, other in zip(first, second, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["U3", "?", "u1"])
def test_strings_booleans_and_small_integers_are_classes(tmp_path, rows, dtype):
    X, y = rows
    split = from_file(write(tmp_path / "a.npz", X=X, y=y.astype(dtype)))
    assert split.is_classification
    assert set(split.y) <= {0, 1, 2}


def test_numbers_are_not_classes_and_keep_their_columns(tmp_path, rows):
    X, _ = rows
    split = from_file(write(tmp_path / "a.npz", X=X, Y=X[:, :2]), n_train=12)
    assert not split.is_classification
    assert split.y.shape == (12, 2)
    assert split.y_test.shape == (28, 2)


def test_images_in_a_file_are_flat_rows(tmp_path, rows):
    path = write(tmp_path / "a.npz", X=rows[0].reshape(40, 1, 5), y=rows[1])
    assert from_file(path).X.shape == (30, 5)


def test_a_file_that_would_run_code_is_refused(tmp_path, rows):
    path = write(tmp_path / "a.npz", X=rows[0], y=np.array([{}] * 40, dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        from_file(path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.ones((9, 1))}, "must have an array 'y'. Got"),
        ({"y": np.ones(9)}, "must have an array 'X'. Got"),
        ({"X": np.ones((9, 1)), "y": np.ones(8)}, r"X.shape=\(9, 1\), y.shape=\(8,\)"),
        ({"X": np.ones((3, 1)), "y": np.ones(3)}, "more than 7"),
    ],
)
def test_a_file_of_other_contents_says_what_it_has(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        from_file(write(tmp_path / "a.npz", **arrays))


def test_what_is_no_set_and_no_file_says_what_there_is(tmp_path):
    with pytest.raises(ValueError, match=r"cifar10, .*higgs.*\. Got 'higs' instead\."):
        load("higs")
    with pytest.raises(FileNotFoundError, match=r"b.npz is not there"):
        load(str(tmp_path / "b.npz"))


def test_the_stand_in_says_what_it_stands_in_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"stands in .* --splicing"):
        load("splicing", tmp_path)


def test_held_out_rows_are_training_rows(tmp_path, rows):
    data = from_file(write(tmp_path / "a.npz", X=rows[0], y=rows[1]))
    validation = held_out(data)
    assert len(validation.X_test) == 6
    together = np.concatenate([validation.X, validation.X_test])
    assert_array_equal(np.sort(together, axis=0), np.sort(data.X, axis=0))
    assert validation.X_test.tolist() != held_out(data, seed=1).X_test.tolist()


def test_a_table_is_its_numbers_with_medians_where_there_are_none(tmp_path):
    lines = [
        "a,words,b,class",
        *(f"{i},w,{'' if i in (1, 9) else i * i},{'gh'[i % 2]}" for i in range(10)),
    ]
    (tmp_path / "tables").mkdir()
    with gzip.open(tmp_path / "tables" / "magic.csv.gz", "wt") as file:
        file.write("\n".join(lines))
    X, y, X_test, y_test = load("magic", tmp_path)
    assert (X.shape, X_test.shape) == ((8, 2), (2, 2))
    assert y.tolist() + y_test.tolist() == [0, 1] * 5
    b = np.array([0, 16, 4, 9, 16, 25, 36, 49])  # 16 is the median of the others
    assert_allclose(X[:, 1], (b - b.mean()) / b.std(), rtol=1e-5)
    assert_allclose(X_test[:, 1], (np.array([64, 16]) - b.mean()) / b.std(), rtol=1e-5)


def test_sets_are_spoilt_in_their_training_labels(small_sets):
    data = load("mnist")
    spoilt = with_random_labels(data, 0.4)
    assert 0.2 < np.mean(spoilt.y != data.y) < 0.5
    assert_array_equal(spoilt.y_test, data.y_test)
    assert one_in_a_hundred(data, 3).y.sum() == 1


def test_rows_are_generated_only_where_the_files_are_missing(small_sets, tmp_path, monkeypatch):
    def missing(home):
        raise FileNotFoundError("not there")

    assert load_or_generate("higgs").X.shape == (120, 7)
    monkeypatch.setitem(SETS, "higgs", missing)
    monkeypatch.setitem(SHAPES, "higgs", (10, 15, 7, 2))
    assert [part.shape for part in load_or_generate("higgs")] == [(10, 7), (10,), (5, 7), (5,)]
    with pytest.raises(FileNotFoundError, match="stands in"):
        load_or_generate("movie", tmp_path)


@pytest.mark.data
def test_real_sets_have_the_sizes_of_the_paper(real_home):
    splicing = load("splicing", real_home)
    assert load("higgs", real_home).X.shape == (50_000, 7)
    assert load("higgs28", real_home).X.shape == (50_000, 28)
    assert len(splicing.X) == 2500
    assert set(np.unique(splicing.X)) >= {0, 1}
    assert_allclose(splicing.y.sum(1), 1, atol=1e-3)
    assert load("mnist_1000", real_home).X.shape == (1000, 784)


@pytest.mark.data
def test_the_mean_image_of_cifar10_is_grey(real_home):
    split = load("cifar10", real_home)
    assert split.X.shape == (50_000, 3072)
    assert split.X.dtype == np.float32
    assert_allclose(split.X.mean(0), 0, atol=1e-4)


@pytest.mark.parametrize("name", ["mnist", "higgs"])
def test_generated_rows_have_all_classes(name):
    n_train, n_samples, n_features, n_classes = SHAPES[name]
    data = generated(name)
    assert data.X.shape == (n_train, n_features)
    assert len(data.y_test) == n_samples - n_train
    assert set(data.y) == set(range(n_classes))
