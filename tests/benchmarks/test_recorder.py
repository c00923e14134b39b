"""The recorder notes what the net does on the rows, and changes nothing."""

from __future__ import annotations

import time

import numpy as np
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from benchmarks.reproduce._recorder import CurveRecorder, squared_error
from sk_sdlr import ShrinkingDNNClassifier, ShrinkRecall

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype("f")
PARAMS = {
    "hidden_layer_sizes": (8,),
    "loss": "squared_error",
    "batch_norm": False,
    "policy": ShrinkRecall(t=0.2),
    "max_epochs": 4,
    "random_state": 0,
}


def test_the_last_errors_are_those_of_the_net():
    recorder = CurveRecorder({"test": (X[:300], Y[:300]), "train": (X, Y)})
    net = ShrinkingDNNClassifier(**PARAMS, callbacks=[("recorder", recorder)]).fit(X, Y)
    recorder = dict(net.net_.callbacks_)["recorder"]
    assert {key: len(values) for key, values in recorder.curves.items()} == dict.fromkeys(
        ("test_error", "test_squared_error", "train_error", "train_squared_error"), 4
    )
    assert_allclose(recorder.curves["test_error"][-1], np.mean(net.predict(X[:300]) != Y[:300]))
    wanted = ((net.net_.forward(X).numpy() - np.eye(10)[Y]) ** 2).sum() / 2
    assert_allclose(recorder.curves["train_squared_error"][-1], wanted, rtol=1e-4)


def test_to_be_watched_changes_nothing():
    recorder = CurveRecorder({"test": (X, Y)})
    watched = ShrinkingDNNClassifier(**PARAMS, callbacks=[("recorder", recorder)]).fit(X, Y)
    alone = ShrinkingDNNClassifier(**PARAMS).fit(X, Y)
    for one, other in zip(
        watched.net_.module_.parameters(), alone.net_.module_.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_its_own_time_is_counted_and_ticks_come_once_an_epoch():
    ticks = []
    recorder = CurveRecorder({}, lambda: (ticks.append(0), time.sleep(0.01)))
    net = ShrinkingDNNClassifier(**PARAMS, callbacks=[("recorder", recorder)]).fit(X, Y)
    assert len(ticks) == 4
    assert dict(net.net_.callbacks_)["recorder"].seconds >= 0.04


def test_squared_error_is_half_the_squared_distance_to_the_unit_vectors():
    output = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    assert squared_error(output, torch.tensor([0, 1])) == 0.25
