import pytest
import torch

from sk_sdlr.policies import EpochErrors, OutputErrors


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
        progress=0.1,
        weight=None,
        is_bounded=True,
    ):
        order = torch.randperm(len(active.index), generator=torch.Generator().manual_seed(seed))
        rows = active.index[order[:n_visited]]
        weights = None if weight is None else weight[rows]
        output = OutputErrors(error[rows], weights, is_bounded)
        return EpochErrors(rows, error[rows], batch_size, 1, progress, error.clone(), output)

    return visit


@pytest.fixture(scope="session")
def run(visit):
    """A run with the same errors in every epoch: the active sets of its epochs."""

    def run(policy, error, n_epochs, *, batch_size=100, seed=0, **output):
        generator = torch.Generator().manual_seed(seed)
        active = [policy.start(len(error))]
        for epoch in range(n_epochs - 1):
            errors = visit(active[-1], error, batch_size=batch_size, seed=epoch, **output)
            active.append(policy.update(active[-1], errors, generator=generator))
        return active

    return run
