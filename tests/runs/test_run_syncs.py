"""A run asks its device for values once an epoch, not once a batch."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sk_sdlr.policies import AutoRecall, FullData
from sk_sdlr.runs._data import Gather
from tests.runs.small import STEPS, column, make_mlp, make_run

N_ROWS, N_EPOCHS = 400, 5
GENERATOR = torch.Generator().manual_seed(0)
CLASSES = torch.arange(N_ROWS) % 2
# Nearly all rows are learnt at once, so that AutoRecall has rows to drop.
EASY = torch.randn(N_ROWS, 3, generator=GENERATOR) + 6 * CLASSES[:, None]


class HostSyncs(TorchDispatchMode):
    """Counts what item(), float(), int() and bool() of a tensor come down to, and tolist()."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.count = 0
        tolist = torch.Tensor.tolist

        def counted(tensor):
            self.count += 1
            return tolist(tensor)

        monkeypatch.setattr(torch.Tensor, "tolist", counted)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def make(policy, step, batch_size, **params):
    module, data = make_mlp(), (EASY, CLASSES)
    if params.pop("device", "cpu") == "cuda":
        module, data = module.cuda(), (EASY.cuda(), CLASSES.cuda())
    params = {"max_epochs": N_EPOCHS, "lr": 0.5} | params
    return make_run(module, data=data, policy=policy, step=step, batch_size=batch_size, **params)


def count_syncs(run, monkeypatch):
    """Train; return the number of syncs, and the sizes of the epochs."""
    with monkeypatch.context() as patch, HostSyncs(patch) as syncs:
        records = list(run)
    return syncs.count, column(records, "n_active")


@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("step", STEPS)
def test_syncs_are_a_matter_of_epochs_and_not_of_batches(step, momentum, monkeypatch):
    counts = []
    for batch_size in (N_ROWS, 8):
        run = make(FullData(), step, batch_size, optimizer_params={"momentum": momentum})
        counts.append(count_syncs(run, monkeypatch)[0])
    assert counts[0] == counts[1]
    assert 0 < counts[0] <= 4 * N_EPOCHS


@pytest.mark.parametrize("alpha", [None, 0.5])
@pytest.mark.parametrize("step", STEPS)
def test_syncs_of_a_run_that_drops_rows_are_few_an_epoch(step, alpha, monkeypatch):
    run = make(AutoRecall(alpha=alpha), step, 4)
    count, sizes = count_syncs(run, monkeypatch)
    assert min(sizes) < 0.6 * N_ROWS
    assert 0 < count <= 12 * N_EPOCHS < sum(sizes) / 4


def test_what_counts_them_counts(monkeypatch):
    with HostSyncs(monkeypatch) as syncs:
        x = torch.ones(1)
        (float(x), int(x), bool(x > 0), x.item(), x.tolist())
    assert syncs.count == 5


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("step", STEPS)
def test_the_batch_loop_does_not_wait_for_the_gpu(step, monkeypatch):
    gather, n_rows = Gather.__call__, []

    def strict(self, rows):
        torch.cuda.set_sync_debug_mode("error")
        try:
            for part in gather(self, rows):
                n_rows.append(len(part[0]))
                yield part
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Gather, "__call__", strict)
    sizes = column(list(make(AutoRecall(), step, 4, device="cuda")), "n_active")
    assert min(sizes) < 0.6 * N_ROWS
    assert sum(n_rows) == sum(sizes)
