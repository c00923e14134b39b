"""Which images the rows of X are."""

from __future__ import annotations

import re

import pytest

from sk_sdlr.estimators._images import image_shape_of


@pytest.mark.parametrize(
    ("n_features", "shape"),
    [
        (1, (1, 1, 1)),
        (4, (1, 2, 2)),
        (64, (1, 8, 8)),
        (784, (1, 28, 28)),
        (2, (1, 1, 2)),
        (63, (1, 1, 63)),
        (65, (1, 1, 65)),
        (783, (1, 1, 783)),
        (3072, (1, 1, 3072)),  # 3 x 32 x 32, which nobody but the user can know
        ((10**8 + 1) ** 2, (1, 10**8 + 1, 10**8 + 1)),
        ((10**8 + 1) ** 2 - 1, (1, 1, (10**8 + 1) ** 2 - 1)),
    ],
)
def test_flat_rows_are_squares_if_they_can_be_and_else_signals(n_features, shape):
    assert image_shape_of((n_features,), None) == shape


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (2, 5, 7), (1, 1, 50), (1, 50, 1)])
@pytest.mark.parametrize("kind", [tuple, list])
def test_the_shape_that_the_user_says_is_taken_for_rows_of_as_many_features(shape, kind):
    n_features = shape[0] * shape[1] * shape[2]
    assert image_shape_of((n_features,), kind(shape)) == shape
    assert image_shape_of(shape, kind(shape)) == shape
    assert image_shape_of(shape, None) == shape


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((63,), (1, 8, 8)),
        ((64,), (3, 8, 8)),
        ((1, 8, 8), (1, 8, 9)),
        ((1, 8, 8), (8, 8, 1)),
        ((1, 4, 16), (1, 16, 4)),  # as many features, another image
    ],
)
def test_rows_of_another_shape_than_the_user_says_are_refused(row, said):
    n_features = said[0] * said[1] * said[2]
    message = (
        f"X must have rows of shape image_shape={said} or {n_features} features. "
        f"Got rows of shape {row} instead."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        image_shape_of(row, said)


@pytest.mark.parametrize(
    "shape", [(28, 28, 1), (32, 32, 3), (32, 40, 3), (40, 32, 4), (8, 8, 1), (9, 8, 3)]
)
def test_channels_that_come_last_are_noticed(shape):
    message = re.escape(f"{shape} instead, which looks like (height, width, channels).")
    with pytest.raises(ValueError, match=rf"^X must have its channels first.*{message}.*moveaxis"):
        image_shape_of(shape, None)
    n_features = shape[0] * shape[1] * shape[2]
    for row in (shape, (n_features,)):
        with pytest.raises(ValueError, match=rf"^image_shape must have .*first.*{message}"):
            image_shape_of(row, shape)


@pytest.mark.parametrize(
    "shape",
    [
        (16, 5, 3),  # channels before maps of 5 x 3 pixels
        (7, 8, 3),
        (1, 28, 3),
        (3, 100, 4),
        (3, 3, 3),
        (32, 32, 2),
        (16, 16, 5),
        (64, 28, 28),
        (1, 100, 1),
    ],
)
def test_shapes_that_may_have_their_channels_first_are_taken(shape):
    assert image_shape_of(shape, None) == shape


@pytest.mark.parametrize("row", [(), (8, 8), (1, 1, 8, 8)])
@pytest.mark.parametrize("said", [None, (1, 8, 8)])
def test_rows_that_are_neither_flat_nor_images_are_refused(row, said):
    message = re.escape(f"Got rows of shape {row} instead. X[:, None] makes images")
    with pytest.raises(ValueError, match=rf"^X must be flat rows.* or images.*{message}"):
        image_shape_of(row, said)
