import numpy as np
import pytest
import torch
from skorch.dataset import Dataset
from skorch.utils import data_from_dataset
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from sk_sdlr.nets._tensors import dataset_for_callbacks, tensors_of

X = np.arange(12, dtype="float32").reshape(6, 2)
Y = np.arange(6)
TENSORS = torch.from_numpy(X), torch.from_numpy(Y)
WEIGHT = torch.arange(6) / 2


def assert_same(tensors, expected):
    assert len(tensors) == len(expected)
    for tensor, other in zip(tensors, expected, strict=True):
        torch.testing.assert_close(tensor, other, rtol=0, atol=0)


@pytest.mark.parametrize("data", [Dataset(X, Y), Dataset(*TENSORS), TensorDataset(*TENSORS)])
def test_features_and_targets_keep_values_and_dtype(data):
    assert_same(tensors_of(data, "cpu"), TENSORS)


def test_weights_are_the_third_tensor():
    assert_same(tensors_of(TensorDataset(*TENSORS, WEIGHT), "cpu"), (*TENSORS, WEIGHT))


def test_tensors_are_not_copied():
    X, y = tensors_of(TensorDataset(*TENSORS), "cpu")
    assert (X.data_ptr(), y.data_ptr()) == (TENSORS[0].data_ptr(), TENSORS[1].data_ptr())


@pytest.mark.parametrize("rows", [[4, 0, 3], np.array([4, 0, 3]), torch.tensor([4, 0, 3])])
@pytest.mark.parametrize("data", [Dataset(X, Y), TensorDataset(*TENSORS)])
def test_a_subset_has_its_rows_in_its_order(data, rows):
    assert_same(tensors_of(Subset(data, rows), "cpu"), [t[[4, 0, 3]] for t in TENSORS])


def test_a_subset_of_a_subset_counts_in_the_subset():
    data = TensorDataset(*TENSORS, WEIGHT)
    nested = Subset(Subset(data, [5, 3, 1, 0]), [2, 0])
    assert_same(tensors_of(nested, "cpu"), [t[[1, 5]] for t in (*TENSORS, WEIGHT)])


def test_without_targets_there_is_one_zero_a_row():
    assert_same(tensors_of(Dataset(X), "cpu"), (TENSORS[0], torch.zeros(6)))


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (Dataset({"a": X}, Y), "Dataset of dict"),
        (Dataset([X, X], Y), "Dataset of list"),
        (Dataset((X, X), Y), "Dataset of tuple"),
        (ConcatDataset([TensorDataset(*TENSORS)]), "ConcatDataset"),
        (Subset(ConcatDataset([TensorDataset(*TENSORS)]), [0]), "ConcatDataset"),
        (X, "ndarray"),
        (TensorDataset(TENSORS[0]), "TensorDataset of 1 tensors"),
        (TensorDataset(*TENSORS, WEIGHT, WEIGHT), "TensorDataset of 4 tensors"),
    ],
)
def test_data_that_are_not_two_arrays_are_refused(data, got):
    for use in (lambda: tensors_of(data, "cpu"), lambda: dataset_for_callbacks(data, same)):
        with pytest.raises(
            TypeError, match=f"one array of features and one of targets. Got {got} instead"
        ):
            use()


def same(y):
    return y


@pytest.mark.parametrize(
    "data", [Dataset(X, Y), TensorDataset(*TENSORS), TensorDataset(*TENSORS, WEIGHT)]
)
def test_callbacks_find_arrays_and_targets_as_they_are_scored(data):
    whole = dataset_for_callbacks(data, lambda y: y + 1)
    assert_same(data_from_dataset(whole), (data[:][0], data[:][1] + 1))
    part = dataset_for_callbacks(Subset(data, [4, 0]), lambda y: y + 1)
    assert_same(data_from_dataset(part), (data[[4, 0]][0], data[[4, 0]][1] + 1))
    assert_same(data[:][:2], (whole.X, whole.y - 1))


def test_callbacks_find_no_targets_where_there_are_none():
    assert dataset_for_callbacks(Dataset(X), same).y is None
