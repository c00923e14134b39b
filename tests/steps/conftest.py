import pytest
import torch


@pytest.fixture(autouse=True)
def global_generator():
    """Start every test from the same random numbers, and leave torch's generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
