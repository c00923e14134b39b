"""Fits in threads of one process: each gives the bits that it gives alone."""

from __future__ import annotations

from time import sleep

import joblib
import numpy as np
import pytest
import torch
from joblib import delayed
from sklearn.model_selection import cross_val_score

from sk_sdlr import ShrinkingClassifier
from tests.estimators.helpers import KINDS, Net, weights


class Slow(Net):
    """Is slow where it is asked for its outputs only: time for others to draw their numbers."""

    def forward(self, x):
        if not self.training:
            sleep(0.01)
        return super().forward(x)


MAKERS = KINDS | {"slow": lambda **params: ShrinkingClassifier(Slow, module__dropout=0.2, **params)}


@pytest.mark.parametrize("kind", MAKERS)
def test_four_fits_in_four_threads_give_the_bits_of_one_alone(kind, table):
    def fit(seed):
        return weights(MAKERS[kind](max_epochs=4, random_state=seed).fit(*table))

    seeds = [0, 1, 2, 0]
    alone = [fit(seed) for seed in seeds]
    state, n_threads = torch.get_rng_state(), torch.get_num_threads()
    with joblib.parallel_config(backend="threading", n_jobs=4):
        together = joblib.Parallel()(delayed(fit)(seed) for seed in seeds)
    for one, other in zip(alone, together, strict=True):
        assert all(map(torch.equal, one, other))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == n_threads


def test_cross_validation_in_threads_is_the_same(table):
    net = KINDS["module"](max_epochs=5, random_state=0)
    alone = cross_val_score(net, *table, cv=4)
    with joblib.parallel_config(backend="threading", n_jobs=4):
        assert np.array_equal(cross_val_score(net, *table, cv=4), alone)
