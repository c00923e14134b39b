import torch
from torch import Generator

from sk_sdlr.policies import ActiveSet, FullData


def test_every_epoch_visits_every_row_whatever_the_errors(run, visit):
    active = FullData().start(5)
    for bad in (0.0, torch.nan, torch.inf):
        report = visit(active, torch.full((5,), bad))
        assert FullData().update(active, report, generator=Generator()) is active
    assert {tuple(a.index.tolist()) for a in run(FullData(), torch.rand(5), 4)} == {(0, 1, 2, 3, 4)}


def test_a_set_that_somebody_gave_is_kept_with_its_weights(visit):
    active = ActiveSet(torch.tensor([1, 4]), torch.ones(2))
    report = visit(active, torch.rand(5))
    assert FullData().update(active, report, generator=Generator()) is active
