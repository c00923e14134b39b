from math import ceil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sk_sdlr.training import _batches
from sk_sdlr.training._batches import LEAST_PARTS, Gather, parts_of, sequential_batches

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
def test_every_row_is_visited_once_and_in_order(rows, batch_size, chunk_bytes):
    sizes, seen = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_batches, "CHUNK_BYTES", chunk_bytes)
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


def test_parts_are_views_of_one_buffer_no_larger_than_a_chunk(monkeypatch):
    monkeypatch.setattr(_batches, "CHUNK_BYTES", 20 * FEATURES[0].nbytes)
    monkeypatch.setattr(_batches, "LEAST_PARTS", 2)
    storages = {
        (x.untyped_storage().data_ptr(), x.untyped_storage().nbytes())
        for (x,) in Gather([FEATURES], 4)(ROW)
    }
    assert len(storages) == 1
    assert storages.pop()[1] == 20 * FEATURES[0].nbytes


@pytest.mark.parametrize(("n_rows", "batch_size"), [(100, 1), (100, 12), (95, 4), (7, 3), (1, 1)])
def test_an_epoch_has_eight_parts_if_it_has_as_many_batches(n_rows, batch_size):
    sizes = [len(x) for (x,) in Gather([torch.zeros(n_rows, 2)], batch_size)(torch.arange(n_rows))]
    n_batches = ceil(n_rows / batch_size)
    assert min(LEAST_PARTS, n_batches) <= len(sizes) <= n_batches
    assert all(size % batch_size == 0 for size in sizes[:-1])


def test_a_batch_larger_than_a_chunk_is_one_chunk(monkeypatch):
    monkeypatch.setattr(_batches, "CHUNK_BYTES", 1)
    assert {x.untyped_storage().nbytes() for (x,) in Gather([FEATURES], 4)(ROW)} == {
        4 * FEATURES[0].nbytes
    }


def test_the_buffer_is_no_larger_than_the_rows():
    (x,) = next(Gather([FEATURES[:5]], 1000)(ROW[:5]))
    assert x.untyped_storage().nbytes() == FEATURES[:5].nbytes


def test_training_data_are_left_as_they_were():
    data = FEATURES.clone()
    for (x,) in Gather([data], 7)(ROW.flip(0)):
        x.zero_()
    torch.testing.assert_close(data, FEATURES, rtol=0, atol=0)


@pytest.mark.parametrize("batch_size", [1, 7, N_SAMPLES, N_SAMPLES + 1])
def test_sequential_batches_are_views_of_all_rows_in_order(batch_size):
    parts = list(sequential_batches([FEATURES, ROW], batch_size))
    torch.testing.assert_close(torch.cat([x for x, _ in parts]), FEATURES, rtol=0, atol=0)
    assert torch.cat([row for _, row in parts]).tolist() == ROW.tolist()
    assert all(len(x) == batch_size for x, _ in parts[:-1])
    storage = FEATURES.untyped_storage().data_ptr()
    assert {x.untyped_storage().data_ptr() for x, _ in parts} == {storage}


def test_parts_keep_what_is_not_there_and_the_last_is_shorter():
    x, y = torch.arange(7), torch.arange(14).view(7, 2)
    parts = list(parts_of(3, x, None, y))
    assert [part[0].tolist() for part in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    assert all(part[1] is None for part in parts)
    assert torch.equal(torch.cat([part[2] for part in parts]), y)
    parts[0][0][0] = 9
    assert x[0] == 9  # views, into which steps write their errors
