"""Devices by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sk_sdlr import ShrinkingDNNClassifier
from sk_sdlr.estimators import _devices
from sk_sdlr.estimators._devices import resolve_device

X = np.random.default_rng(0).normal(size=(40, 3)).astype("f")
Y = np.arange(40) % 2


@pytest.mark.parametrize(
    ("there", "dtype", "device"),
    [
        (["cpu"], "float32", "cpu"),
        (["cuda", "cpu"], "float64", "cuda"),
        (["mps", "cpu"], "float32", "mps"),
        (["mps", "cpu"], "float64", "cpu"),
    ],
)
def test_auto_is_the_first_that_there_is_for_the_type(monkeypatch, there, dtype, device):
    monkeypatch.setattr(_devices, "_available", lambda: there)
    assert resolve_device("auto", dtype) == device


def test_devices_may_be_objects():
    assert resolve_device(torch.device("cpu")) == resolve_device("cpu") == "cpu"


def test_mps_has_no_float64(monkeypatch):
    monkeypatch.setattr(_devices, "_available", lambda: ["mps", "cpu"])
    message = (
        r"The 'device' parameter must be one of cpu on this machine with dtype='float64'\. "
        r"Got 'mps' instead\."
    )
    with pytest.raises(ValueError, match=message):
        resolve_device("mps", "float64")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_named_before_any_work():
    net = ShrinkingDNNClassifier(device="cuda:1")
    message = r"The 'device' parameter must be one of .*cpu on this machine.* Got 'cuda:1' instead"
    with pytest.raises(ValueError, match=message):
        net.fit(X, Y)
    assert not hasattr(net, "n_features_in_")


def test_a_device_that_torch_does_not_know_is_named():
    message = r"The 'device' parameter must be 'auto' or the name of .* Got 'tpu' instead\."
    with pytest.raises(ValueError, match=message):
        ShrinkingDNNClassifier(device="tpu").fit(X, Y)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_auto_takes_the_gpu():
    net = ShrinkingDNNClassifier(max_epochs=2, random_state=0).fit(X, Y)
    assert next(net.net_.module_.parameters()).device.type == "cuda"
    assert net.predict(X).shape == (40,)
