import pytest
import torch

from sk_sdlr.policies import EpochReport


@pytest.fixture(scope="session")
def visit():
    """An epoch: visits the rows of a set in random order and notes the errors they have."""

    def visit(
        active,
        error,
        *,
        batch_size=100,
        n_visited=None,
        seed=0,
        epoch=1,
        progress=0.1,
        weight=None,
        bounded_outputs=True,
    ):
        order = torch.randperm(len(active.index), generator=torch.Generator().manual_seed(seed))
        rows = active.index[order[:n_visited]]
        return EpochReport(
            rows,
            error[rows],
            batch_size,
            epoch,
            progress,
            error.clone(),
            {"output_error": error[rows]},
            None if weight is None else weight[rows],
            bounded_outputs,
        )

    return visit


@pytest.fixture(scope="session")
def run(visit):
    """A run with the same errors in every epoch: the active sets of its epochs."""

    def run(policy, error, n_epochs, *, seed=0, **params):
        generator = torch.Generator().manual_seed(seed)
        active = [policy.start(len(error))]
        for epoch in range(1, n_epochs):
            report = visit(active[-1], error, seed=epoch, epoch=epoch, **params)
            active.append(policy.update(active[-1], report, generator=generator))
        return active

    return run
