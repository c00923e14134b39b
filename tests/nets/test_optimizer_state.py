import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW

from sk_sdlr.nets._optimizer_state import take_over_state


def trained(module, optimizer):
    for _ in range(3):
        optimizer.zero_grad()
        module(torch.eye(3)).square().sum().backward()
        optimizer.step()
    return optimizer


@pytest.mark.parametrize("make", [Adam, AdamW, lambda params: SGD(params, lr=0.1, momentum=0.9)])
def test_the_state_of_a_parameter_stays_with_it_in_whatever_group_it_is(make):
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    old = trained(module, make(module.parameters()))
    new = make([{"params": module[1].parameters(), "lr": 0.3}, {"params": module[0].parameters()}])
    expected = {p: dict(state) for p, state in old.state.items()}
    settings = [(group["lr"], len(group["params"])) for group in new.param_groups]
    take_over_state(new, old)
    assert new.state.keys() == expected.keys() == set(module.parameters())
    for parameter, state in expected.items():
        torch.testing.assert_close(new.state[parameter], state, rtol=0, atol=0)
    assert [(group["lr"], len(group["params"])) for group in new.param_groups] == settings
    trained(module, new)


def test_parameters_that_only_one_of_them_has_are_left_out():
    module, other = nn.Linear(3, 2), nn.Linear(3, 2)
    old = trained(module, Adam([*module.parameters(), *other.parameters()]))
    new = Adam([module.weight, *nn.Linear(3, 2).parameters()])
    take_over_state(new, old)
    assert list(new.state) == [module.weight]


def test_state_follows_a_module_to_another_type():
    module = nn.Linear(3, 2)
    old = trained(module, Adam(module.parameters()))
    module.double()
    new = Adam(module.parameters())
    take_over_state(new, old)
    assert new.state[module.weight]["exp_avg"].dtype == torch.float64
