"""Half the squared norm of each residual."""

import pytest
import torch

from sk_sdlr.steps import SquaredError


def test_it_is_half_the_squared_norm_of_each_residual():
    output, target = torch.tensor([[1.0, 2.0], [0.0, 3.0]]), torch.tensor([[0.0, 0.0], [0.0, 1.0]])
    assert SquaredError("none")(output, target).tolist() == [2.5, 2.0]
    assert SquaredError()(output, target) == 2.25


def test_it_refuses_other_reductions():
    message = r"'reduction' parameter of SquaredError must be 'mean' or 'none'\. Got 'sum' instead"
    with pytest.raises(ValueError, match=message):
        SquaredError("sum")


def test_it_refuses_targets_of_another_shape():
    # They would be broadcast: every output against every target.
    with pytest.raises(ValueError, match=r"same shape\. Got \(6, 1\) and \(6,\) instead"):
        SquaredError()(torch.zeros(6, 1), torch.zeros(6))
