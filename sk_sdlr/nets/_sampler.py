"""The sampler that a stock skorch net's DataLoader reads active rows from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from skorch import NeuralNet
from torch import Generator, Tensor
from torch.utils.data import RandomSampler, Sampler

SAMPLER, SHUFFLE = "iterator_train__sampler", "iterator_train__shuffle"


class ActiveRows(Sampler[int]):
    """The rows of an epoch; keeps the order in which it yields them."""

    def __init__(self, shuffle: bool, generator: Generator | None) -> None:
        self.shuffle = shuffle
        self.generator = generator
        self.replaced: dict[str, Any] = {}  # parameters of the net while this is planted
        self.set(torch.empty(0, dtype=torch.int64))

    def set(self, index: Tensor) -> None:
        """Set the rows of the epoch to come."""
        self.index, self.order = index, index[:0]

    def __len__(self) -> int:
        return self.index.shape[0]

    def __iter__(self) -> Iterator[int]:
        if not len(self):
            raise RuntimeError("This sampler is left from a fit that failed early; fit again.")
        self.order = self.index
        if self.shuffle:  # by torch's own, so that all rows come as they do without a callback
            self.order = self.index[list(RandomSampler(self.index, generator=self.generator))]
        yield from self.order.tolist()


def plant_sampler(net: NeuralNet) -> None:
    """Make a sampler a parameter of the net, as there is no other way to its DataLoader."""
    loader = net.get_params_for("iterator_train")
    sampler = ActiveRows(bool(loader.get("shuffle")), loader.get("generator"))
    sampler.replaced = {name: vars(net)[name] for name in (SAMPLER, SHUFFLE) if name in vars(net)}
    if SHUFFLE in sampler.replaced:
        setattr(net, SHUFFLE, False)  # DataLoader takes one or the other
    setattr(net, SAMPLER, sampler)


def withdraw_sampler(net: NeuralNet) -> ActiveRows | None:
    """Put the parameters of the net back as they were; return the sampler if one was planted."""
    sampler = vars(net).get(SAMPLER)
    if not isinstance(sampler, ActiveRows):
        return None
    delattr(net, SAMPLER)
    for name, value in sampler.replaced.items():
        setattr(net, name, value)
    return sampler
