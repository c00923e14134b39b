import pytest
import torch

from sk_sdlr.modules import Scaling


def test_features_are_multiplied_by_their_weights():
    scaling, x = Scaling(3), torch.arange(6.0).view(2, 3)
    assert torch.equal(scaling(x), x)
    with torch.no_grad():
        scaling.weight.copy_(torch.tensor([1.0, -2.0, 0.5]))
    assert scaling(x).tolist() == [[0.0, -2.0, 1.0], [3.0, -8.0, 2.5]]


@pytest.mark.parametrize("n_features", [0, 1.5, None])
def test_the_number_of_features_is_checked(n_features):
    with pytest.raises(ValueError, match=r"The 'n_features' parameter of Scaling must be a pos"):
        Scaling(n_features)
