"""Random rows in sets of given sizes."""

from __future__ import annotations

from sklearn.datasets import load_digits

from sk_sdlr import ShrinkingDNNClassifier
from sk_sdlr.experiments._controls import RandomOfSizes

X, Y = load_digits(return_X_y=True)


def test_epochs_have_the_sizes_given_and_then_all_rows():
    net = ShrinkingDNNClassifier(
        (4,), policy=RandomOfSizes((len(Y), 900, 450)), anneal=0, max_epochs=4, random_state=0
    ).fit(X, Y)
    assert [row["n_active"] for row in net.history_] == [len(Y), 900, 450, len(Y)]


def test_rows_are_random_and_those_of_the_seed():
    def rows(seed):
        from torch import Generator, empty, tensor

        from sk_sdlr.policies import EpochErrors

        policy, error = RandomOfSizes((100, 10)), empty(100)
        active = policy.start(100)
        epoch = EpochErrors(active.index, error, 10, 1, 0.5, error)
        chosen = policy.update(active, epoch, generator=Generator().manual_seed(seed)).index
        assert chosen.equal(tensor(sorted(set(chosen.tolist()))))
        return chosen.tolist()

    assert rows(0) == rows(0) != rows(1)
    assert len(rows(0)) == 10
