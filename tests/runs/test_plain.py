import io
from collections import OrderedDict

import numpy as np
import pytest
import torch

from sk_sdlr.runs._plain import plain

PLAIN = {"a": True, "b": None, "c": "word", "d": torch.ones(2), "e": [1, 0.5]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        ((0.9, np.float64(0.999)), (0.9, 0.999)),
        ([np.int64(1), {"a": [np.float64(0.5)]}], [1, {"a": [0.5]}]),
        (PLAIN, PLAIN),
    ],
)
def test_what_it_returns_is_the_same_and_can_be_read_without_pickle(value, expected):
    found = plain(value)
    assert type(found) is type(expected)
    assert found == expected
    file = io.BytesIO()
    torch.save(found, file)
    file.seek(0)
    torch.load(file, weights_only=True)


def test_dicts_stay_what_they_are():
    state = OrderedDict(a=np.float64(1))
    state._metadata = {"version": 2}
    assert plain(state) is state
    assert (type(state["a"]), state._metadata) == (float, {"version": 2})
