import torch
from torch import nn

from sk_sdlr.runs._snapshot import Snapshot


def make_module():
    """Return a net whose buffers change with each forward pass."""
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def change(module):
    module(torch.rand(8, 3))
    with torch.no_grad():
        module[0].weight.add_(torch.rand(2, 3))


def state_of(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def assert_is(module, state):
    torch.testing.assert_close(dict(module.state_dict()), state, rtol=0, atol=0)


def test_weights_and_buffers_are_those_of_the_last_save():
    module = make_module()
    snapshot, initial = Snapshot(module), state_of(module)
    change(module)
    snapshot.restore()
    assert_is(module, initial)
    change(module)
    snapshot.save()
    saved = state_of(module)
    change(module)
    with torch.no_grad():
        module[0].weight.fill_(torch.nan)
    snapshot.restore()
    assert_is(module, saved)


def test_a_swap_and_another_one_leave_what_was_there():
    module = make_module()
    snapshot, first = Snapshot(module), state_of(module)
    change(module)
    second = state_of(module)
    for state in (first, second, first):
        snapshot.swap()
        assert_is(module, state)


def test_a_state_is_taken_over_by_value():
    module, other = make_module(), make_module()
    snapshot, expected = Snapshot(module), state_of(other)
    snapshot.load_state_dict(Snapshot(other).state_dict())
    change(other)
    snapshot.restore()
    assert_is(module, expected)


def test_weights_that_were_given_other_tensors_are_followed():
    module = nn.Linear(3, 2)
    snapshot = Snapshot(module)
    saved = module.weight.detach().clone()
    module.weight.data = torch.zeros(2, 4)[:, :3]
    assert snapshot.weights()[0].data_ptr() == module.weight.data_ptr()
    snapshot.restore()
    torch.testing.assert_close(module.weight.detach(), saved)
