"""Which images the rows of X are."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt, prod

Shape = tuple[int, ...]


def image_shape_of(row: Shape, image_shape: Sequence[int] | None) -> Shape:
    """Return channels, height and width of the images.

    Parameters
    ----------
    row : tuple of int
        Shape of a row of X: (channels, height, width) or (n_features,).
    image_shape : sequence of int or None
        What the user says that it is.

    Returns
    -------
    shape : tuple of int
        What it is. Flat rows that nothing is said about are square images of one channel if they
        can be, else signals: images of height 1.

    Raises
    ------
    ValueError
        If rows are neither flat nor images, are images whose channels come last, or are not of
        the shape that the user says.
    """
    if len(row) not in (1, 3):
        raise ValueError(
            "X must be flat rows, (n_samples, n_features), or images, (n_samples, channels, "
            f"height, width). Got rows of shape {row} instead. X[:, None] makes images of one "
            "channel of (n_samples, height, width)."
        )
    if image_shape is not None:
        said = tuple(image_shape)
        if (row != said) if len(row) == 3 else (row != (prod(said),)):
            raise ValueError(
                f"X must have rows of shape image_shape={said} or {prod(said)} features. "
                f"Got rows of shape {row} instead."
            )
        return _channels_first("image_shape", said)
    if len(row) == 3:
        return _channels_first("X", row)
    side = isqrt(row[0])
    return (1, side, side) if side * side == row[0] else (1, 1, row[0])


def _channels_first(name: str, shape: Shape) -> Shape:
    first, second, last = shape
    if last in (1, 3, 4) and min(first, second) >= 8:
        raise ValueError(
            f"{name} must have its channels first, (channels, height, width). Got "
            f"shape {shape} instead, which looks like (height, width, channels). "
            "np.moveaxis(X, -1, 1) brings them there."
        )
    return shape
