import pytest
import torch

from sk_sdlr.policies import ActiveSet, FullData


def test_every_epoch_visits_every_row(run):
    for active in run(FullData(), torch.rand(30), 5):
        assert torch.equal(active.index, torch.arange(30))
        assert active.weight is None
        assert active.threshold is None


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_errors_are_not_looked_at(value, visit):
    active = FullData().start(4)
    epoch = visit(active, torch.full((4,), value))
    answer = FullData().update(active, epoch, generator=torch.Generator())
    assert torch.equal(answer.index, torch.arange(4))


def test_weights_are_kept(visit):
    active = ActiveSet(torch.arange(4), torch.tensor([1.0, 2.0, 3.0, 4.0]))
    answer = FullData().update(active, visit(active, torch.rand(4)), generator=torch.Generator())
    assert torch.equal(answer.weight, active.weight)
