import numpy as np
import pytest
import torch

from sk_sdlr.policies import _auto_recall, _auto_recall_set


@pytest.fixture(autouse=True)
def global_state():
    """Start every test from the same random numbers; leave seeds and threads as they were."""
    n_threads, numpy_state = torch.get_num_threads(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    np.random.set_state(numpy_state)
    torch.set_num_threads(n_threads)


@pytest.fixture
def tiny_sets(monkeypatch):
    """Let t="auto" shrink sets of a few batches, and visit no row that is left out."""
    monkeypatch.setattr(_auto_recall, "MIN_BATCHES", 1)
    monkeypatch.setattr(_auto_recall_set, "SAMPLE_SHARE", 0)
