"""A snapshot goes back to weights and buffers, whatever tensors hold them by then."""

import torch
from sk_sdlr.training._snapshot import Snapshot
from torch import nn


def test_weights_and_buffers_are_those_of_the_last_save():
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    module(torch.rand(8, 3))
    snapshot = Snapshot(module)
    module(torch.rand(8, 3))
    snapshot.save()
    expected = {key: value.clone() for key, value in module.state_dict().items()}
    module(torch.rand(8, 3))
    with torch.no_grad():
        module[0].weight.fill_(torch.nan)
    snapshot.restore()
    torch.testing.assert_close(dict(module.state_dict()), expected)


def test_weights_that_were_given_other_tensors_are_followed():
    module = nn.Linear(3, 2)
    snapshot = Snapshot(module)
    saved = module.weight.detach().clone()
    module.weight.data = torch.zeros(2, 4)[:, :3]
    assert snapshot.weights()[0].data_ptr() == module.weight.data_ptr()
    snapshot.restore()
    torch.testing.assert_close(module.weight.detach(), saved)
