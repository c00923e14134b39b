"""A chain makes its buffers once: no later batch has memory of its own."""

from collections import Counter
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from sk_sdlr.modules import ACTIVATIONS, MLP
from sk_sdlr.steps import Objective, SquaredError, _matmul
from sk_sdlr.steps._step import Batches
from sk_sdlr.steps.chain._chain import ChainStep

BATCH_SIZE, N_INPUTS, N_OUTPUTS = 16, 4, 3
# Torch has no variant of these that writes to a buffer without a copy of its own.
EXCEPTIONS = {"aten.native_batch_norm_backward.default", "aten.mish_backward.default"}


class Allocations(TorchDispatchMode):
    """Counts the operators that return storage which none of their arguments had."""

    def __init__(self):
        super().__init__()
        self.count = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        known = {storage_of(tensor) for tensor in tensors((args, kwargs))}
        result = func(*args, **kwargs)
        self.count[str(func)] += any(storage_of(t) not in known for t in tensors(result))
        return result


def tensors(values):
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def storage_of(tensor):
    return tensor.untyped_storage()._cdata


def step_of(module, optimizer, criterion):
    return ChainStep(module.train(), Objective(criterion), optimizer(module.parameters(), lr=0.01))


def batches_of(n_batches, criterion, *, weighted):
    n = n_batches * BATCH_SIZE - 3  # the last batch is short
    y = torch.randint(N_OUTPUTS, (n,))
    y = y if isinstance(criterion, nn.CrossEntropyLoss) else torch.rand(n, N_OUTPUTS)
    weight, error = torch.rand(n) if weighted else None, torch.empty(n)
    return Batches(torch.rand(n, N_INPUTS), y, error, BATCH_SIZE, weight, torch.empty(n))


def allocated_by_batches(module, optimizer=AdamW, criterion=None, *, weighted=False):
    """Return the operators of which there are more if there are more batches."""
    criterion = criterion or nn.CrossEntropyLoss()
    step = step_of(module, optimizer, criterion)
    step(batches_of(9, criterion, weighted=weighted))
    counts = []
    for n_batches in (3, 9):
        batches = batches_of(n_batches, criterion, weighted=weighted)
        with Allocations() as allocations:
            step(batches)
        counts.append(allocations.count)
    few, many = counts
    return {name for name in many if many[name] > few[name]}


@pytest.fixture(autouse=True)
def products_into_buffers(monkeypatch):
    """Do without oneDNN, whose products are tensors of its own."""
    monkeypatch.setattr(_matmul, "USES_ONEDNN", False)


MLP_OF_ROWS = partial(MLP, N_INPUTS, N_OUTPUTS, hidden_layer_sizes=(7, 5))
BOTH = {"batch_norm": True, "dropout": 0.2}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("params", [{}, BOTH], ids=str)
def test_nothing_is_allocated_after_the_first_batches(activation, params):
    assert allocated_by_batches(MLP_OF_ROWS(activation=activation, **params)) <= EXCEPTIONS


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("params", [{}, BOTH], ids=str)
@pytest.mark.parametrize("optimizer", [SGD, partial(SGD, momentum=0.9), Adam, AdamW])
def test_no_optimiser_and_no_weights_of_samples_need_more(optimizer, params, weighted):
    net = MLP_OF_ROWS(**params)
    assert allocated_by_batches(net, optimizer, weighted=weighted) <= EXCEPTIONS


@pytest.mark.parametrize(
    ("output_activation", "criterion"),
    [
        ("softmax", nn.CrossEntropyLoss(label_smoothing=0.1)),
        ("sigmoid", SquaredError()),
        ("identity", SquaredError()),
    ],
)
def test_no_loss_needs_more(output_activation, criterion):
    net = MLP_OF_ROWS(output_activation=output_activation)
    assert not allocated_by_batches(net, criterion=criterion)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_members_need_no_more(batch_norm):
    net = MLP_OF_ROWS(n_members=3, scaling=True, batch_norm=batch_norm)
    assert allocated_by_batches(net) <= EXCEPTIONS


def test_the_exceptions_are_some():
    assert allocated_by_batches(MLP_OF_ROWS(activation="mish", batch_norm=True)) == EXCEPTIONS


def test_what_counts_them_counts():
    x = torch.ones(3)
    with Allocations() as allocations:
        torch.mul(x, 2, out=x)
        x.view(1, 3).mul_(2)
        x * 2
    assert +allocations.count == Counter({"aten.mul.Tensor": 1})
