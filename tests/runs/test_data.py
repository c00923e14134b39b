import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sk_sdlr.runs import TrainingData
from sk_sdlr.runs._data import Gather
from sk_sdlr.steps import _chunks

N_SAMPLES = 60
ROW = torch.arange(N_SAMPLES)
FEATURES = torch.stack([ROW, -ROW], dim=1).float()
IMAGES = ROW.to(torch.uint8).repeat_interleave(4).view(-1, 2, 2)
WEIGHTS = ROW.double() / 7


@settings(deadline=None, derandomize=True)
@given(
    rows=st.permutations(range(N_SAMPLES)).flatmap(
        lambda order: st.integers(1, N_SAMPLES).map(lambda n: order[:n])
    ),
    batch_size=st.integers(1, N_SAMPLES + 10),
    chunk_bytes=st.integers(0, 2000),
)
def test_rows_are_gathered_once_and_in_order_some_whole_batches_at_a_time(
    rows, batch_size, chunk_bytes
):
    sizes, seen = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_chunks, "CHUNK_BYTES", chunk_bytes)
        tensors = FEATURES, IMAGES, ROW, WEIGHTS
        for x, image, row, weight in Gather(tensors, batch_size)(torch.tensor(rows)):
            torch.testing.assert_close(x, FEATURES[row], rtol=0, atol=0)
            torch.testing.assert_close(image, IMAGES[row], rtol=0, atol=0)
            torch.testing.assert_close(weight, WEIGHTS[row], rtol=0, atol=0)
            sizes.append(len(row))
            seen += row.tolist()
    assert seen == rows
    assert all(size % batch_size == 0 for size in sizes[:-1])
    row_bytes = sum(tensor[0].nbytes for tensor in tensors)
    assert max(sizes) <= max(batch_size, chunk_bytes / row_bytes)


@pytest.mark.parametrize(
    ("n_bytes", "n_rows"), [(20 * FEATURES[0].nbytes, 20), (1, 4), (2**20, N_SAMPLES)]
)
def test_parts_are_views_of_one_buffer_no_larger_than_a_chunk_or_the_rows(
    n_bytes, n_rows, monkeypatch
):
    monkeypatch.setattr(_chunks, "CHUNK_BYTES", n_bytes)
    storages = {
        (x.untyped_storage().data_ptr(), x.untyped_storage().nbytes())
        for (x,) in Gather([FEATURES], 4)(ROW)
    }
    [(_, size)] = storages
    assert size == n_rows * FEATURES[0].nbytes


def test_training_data_are_left_as_they_were():
    data = FEATURES.clone()
    for (x,) in Gather([data], 7)(ROW.flip(0)):
        x.zero_()
    torch.testing.assert_close(data, FEATURES, rtol=0, atol=0)


@pytest.mark.parametrize("given_weight", [None, WEIGHTS + 1])
@pytest.mark.parametrize("own_weight", [None, WEIGHTS])
def test_weights_that_are_given_are_in_place_of_its_own(own_weight, given_weight):
    expected = own_weight if given_weight is None else given_weight
    data = TrainingData(FEATURES, ROW, own_weight)
    for x, row, *weight in data.gather(7, given_weight)(ROW.flip(0)):
        assert torch.equal(x, FEATURES[row])
        assert len(weight) == (expected is not None)
        assert expected is None or torch.equal(weight[0], expected[row])


@pytest.mark.parametrize("weight", [None, WEIGHTS])
@pytest.mark.parametrize("batch_size", [1, 7, N_SAMPLES, N_SAMPLES + 1])
def test_batches_are_views_of_all_rows_in_order(batch_size, weight):
    parts = list(TrainingData(FEATURES, ROW, weight).batches(batch_size))
    torch.testing.assert_close(torch.cat([x for x, _, _ in parts]), FEATURES, rtol=0, atol=0)
    assert torch.cat([row for _, row, _ in parts]).tolist() == ROW.tolist()
    assert all(len(x) == batch_size for x, _, _ in parts[:-1])
    assert {x.untyped_storage().data_ptr() for x, _, _ in parts} == {
        FEATURES.untyped_storage().data_ptr()
    }
    for _, row, part in parts:
        assert part is None if weight is None else torch.equal(part, weight[row])
