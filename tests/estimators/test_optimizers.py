import pytest
import torch

from sk_sdlr.estimators._optimizers import OPTIMIZERS, resolve_optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_name_makes_an_optimiser_with_the_decay(name):
    kind, params = resolve_optimizer(name, 0.5, 0.1, "cpu")
    optimizer = kind([torch.nn.Parameter(torch.zeros(2))], lr=0.1, **params)
    group = optimizer.param_groups[0]
    assert group["weight_decay"] == 0.1
    assert group["fused"]
    assert group.get("nesterov", False) == (name == "nesterov")
    assert group.get("momentum", 0.5) == 0.5


def test_a_class_is_given_the_decay_alone():
    assert resolve_optimizer(torch.optim.RMSprop, 0.5, 0.1, "cpu") == (
        torch.optim.RMSprop,
        {"weight_decay": 0.1},
    )


def test_only_devices_that_have_fused_ones_are_asked_for_them():
    assert "fused" not in resolve_optimizer("adamw", 0.0, 0.0, "mps")[1]
