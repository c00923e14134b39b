"""Own modules draw from the generator of the run only; of others nobody knows."""

import pytest
import torch
from torch import Generator, nn

from sk_sdlr import modules
from sk_sdlr.modules import (
    ACTIVATIONS,
    CNN,
    MLP,
    OWN_MODULES,
    RBM,
    JoinMembers,
    MeanOfMembers,
    MemberLinear,
    Scaling,
    SplitMembers,
)
from sk_sdlr.modules._own_modules import draws_from_run
from sk_sdlr.modules._random import drawing_from

MAKERS = {
    CNN: lambda: CNN((1, 8, 8), 2, dropout=0.5, batch_norm=True),
    MLP: lambda: MLP(64, 2, dropout=0.5, batch_norm=True),
    RBM: lambda: RBM(64, 2),
}


class Mine(MLP):
    pass


@pytest.mark.parametrize("kind", OWN_MODULES)
def test_own_modules_are_true_to_their_word(kind):
    def everything():
        with drawing_from(Generator().manual_seed(0)):
            net = MAKERS[kind]()
            drawn = [*net.parameters(), net(torch.ones(5, 64))]
            if kind is RBM:
                drawn += [
                    net.sample_hidden(torch.ones(5, 64)),
                    net.sample_visible(torch.ones(5, 2)),
                ]
                drawn.append(net.pseudo_log_likelihood(torch.ones(5, 64)))
            return drawn

    assert draws_from_run(MAKERS[kind]())
    before = torch.get_rng_state()
    assert all(map(torch.equal, everything(), everything()))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("module", [nn.Linear(3, 2), nn.Dropout(), Mine(3, 2), nn.Sequential()])
def test_other_modules_may_draw_from_torchs_generator(module):
    assert not draws_from_run(module)


LAYERS = {JoinMembers, MeanOfMembers, MemberLinear, Scaling, SplitMembers}


def test_every_public_net_is_listed():
    public = [getattr(modules, name) for name in modules.__all__]
    nets = [kind for kind in public if isinstance(kind, type) and issubclass(kind, nn.Module)]
    assert set(nets) - set(ACTIVATIONS.values()) - LAYERS == set(OWN_MODULES)
