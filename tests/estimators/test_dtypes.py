"""What a fit computes in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from sk_sdlr import (
    FullData,
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    ShrinkingRegressor,
)
from sk_sdlr.estimators import _dtypes
from sk_sdlr.estimators._dtypes import DTYPES, autocast_type, has_bfloat16
from sk_sdlr.policies import Policy
from sk_sdlr.steps import _make_step
from tests.estimators.helpers import same, weights

needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16("cpu"), reason="needs a CPU with instructions for bfloat16"
)
PLAIN = {"batch_norm": False, "dropout": 0.0, "device": "cpu", "random_state": 0}

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 6))
Y = (X[:, 0] + RNG.normal(size=120) > 0).astype(int)


@dataclass
class Spy(Policy):
    """All rows, and what their errors are."""

    errors: list = field(default_factory=list)

    def update(self, active, epoch, *, generator):
        self.errors += [epoch.error.clone(), epoch.last_error.clone()]
        return active


class Watched(nn.Module):
    """A net that notes what its products are computed in."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_inputs, 8), nn.Tanh(), nn.Linear(8, n_outputs))
        self.seen = {True: set(), False: set()}
        for layer in (self.layers[0], self.layers[2]):
            layer.register_forward_hook(self.note)

    def note(self, layer, args, output):
        self.seen[self.training].add((output.dtype, torch.is_autocast_enabled("cpu")))

    def forward(self, x):
        return self.layers(x)


@pytest.fixture
def no_bfloat16(monkeypatch):
    monkeypatch.setattr(_dtypes, "has_bfloat16", lambda device: False)


# What hardware has


@pytest.mark.parametrize(
    ("capabilities", "has"),
    [
        ({"architecture": "x86_64", "avx512_bf16": True, "amx_bf16": False}, True),
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": True}, True),
        ({"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": False}, False),
        (
            {"architecture": "x86_64", "avx512_f": True, "avx512_fp16": True, "amx_int8": True},
            False,
        ),
        ({"architecture": "aarch64", "bf16": True}, True),
        ({"architecture": "aarch64", "bf16": False, "sve_bf16": True}, True),
        ({"architecture": "aarch64", "bf16": False, "sve_bf16": False, "neon": True}, False),
        ({}, False),
    ],
)
def test_a_cpu_has_bfloat16_if_it_has_any_of_the_instructions(monkeypatch, capabilities, has):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert has_bfloat16("cpu") is has
    assert autocast_type("auto", "cpu") == (torch.bfloat16 if has else None)


def test_a_torch_that_cannot_tell_has_none(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert has_bfloat16("cpu") is False


@pytest.mark.parametrize("device", ["mps", "xpu", "meta"])
def test_other_devices_have_none(monkeypatch, device):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"bf16": True}, raising=False)
    assert has_bfloat16(device) is False


@pytest.mark.parametrize("supported", [True, False])
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_has_bfloat16_if_it_need_not_emulate_it(monkeypatch, device, supported):
    def is_bf16_supported(including_emulation=True):
        return including_emulation or supported

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    assert has_bfloat16(device) is supported


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_types_do_not_ask_the_hardware(monkeypatch, dtype):
    def ask(device):
        raise AssertionError

    monkeypatch.setattr(_dtypes, "has_bfloat16", ask)
    assert autocast_type(dtype, "cpu") is None


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.usefixtures("no_bfloat16")
def test_bfloat16_that_is_not_there_is_a_clear_error_before_any_work(method):
    net = ShrinkingDNNRegressor(dtype="bfloat16", device="cpu")
    before = dict(vars(net))
    message = r"^dtype='bfloat16' needs hardware .*device='cpu', which .*'auto'.*'float32'"
    with pytest.raises(ValueError, match=message):
        getattr(net, method)(X, Y)
    assert vars(net) == before


@pytest.mark.parametrize("params", [{}, PLAIN])
@pytest.mark.usefixtures("no_bfloat16")
def test_auto_is_float32_to_the_last_bit_where_bfloat16_is_not_there(params):
    params = {"max_epochs": 3, "random_state": 0, "device": "cpu"} | params
    auto = ShrinkingDNNClassifier((8,), dtype="auto", **params).fit(X, Y)
    float32 = ShrinkingDNNClassifier((8,), dtype="float32", **params).fit(X, Y)
    assert same(auto, float32)
    assert auto.loss_curve_ == float32.loss_curve_


# Types


@pytest.mark.parametrize("dtype", ["float32", "float64", "auto"])
@pytest.mark.parametrize("data", ["float32", "float64"])
def test_weights_errors_and_predictions_are_of_the_dtype(dtype, data):
    policy = Spy()
    net = ShrinkingDNNRegressor((8,), dtype=dtype, policy=policy, max_epochs=2, device="cpu")
    net.fit(X.astype(data), Y)
    floating = [tensor for tensor in weights(net) if tensor.is_floating_point()]
    assert {tensor.dtype for tensor in [*floating, *policy.errors]} == {DTYPES[dtype][1]}
    assert net.predict(X.astype(data)).dtype == DTYPES[dtype][0]


def test_float64_has_digits_that_float32_has_not():
    net = ShrinkingDNNClassifier((8,), **PLAIN, dtype="float64", max_epochs=2).fit(X, Y)
    for numbers in (*map(torch.Tensor.numpy, weights(net)), net.predict_proba(X)):
        assert np.mean(numbers != numbers.astype("float32")) > 0.9


@needs_bfloat16
def test_bfloat16_is_for_products_in_training_alone():
    policy = Spy()
    net = ShrinkingClassifier(
        Watched, dtype="bfloat16", policy=policy, max_epochs=3, batch_size=50, device="cpu"
    )
    net.set_params(early_stopping=True).fit(X, Y)  # validation is not training
    module = net.net_.module_
    assert module.seen == {True: {(torch.bfloat16, True)}, False: {(torch.float32, False)}}
    module.seen[False].clear()
    assert net.predict_proba(X).dtype == np.float32
    assert module.seen[False] == {(torch.float32, False)}
    assert {tensor.dtype for tensor in [*weights(net), *policy.errors]} == {torch.float32}
    assert {type(loss) for loss in net.loss_curve_} == {float}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_types_are_without_autocast(dtype):
    net = ShrinkingClassifier(Watched, dtype=dtype, max_epochs=1, device="cpu").fit(X, Y)
    expected = {(DTYPES[dtype][1], False)}
    assert net.net_.module_.seen[True] == expected
    assert net.net_.module_.seen[False] <= expected


@needs_bfloat16
def test_auto_is_bfloat16_where_it_is_there():
    nets = [
        ShrinkingDNNClassifier((8,), dtype=dtype, max_epochs=3, device="cpu")
        for dtype in ("auto", "bfloat16", "float32")
    ]
    auto, bfloat16, float32 = (net.set_params(random_state=0).fit(X, Y) for net in nets)
    assert same(auto, bfloat16)
    assert not same(auto, float32)


@needs_bfloat16
@pytest.mark.parametrize(
    ("kind", "params"),
    [
        # Without dropout: autocast goes by autograd, which draws other masks.
        (ShrinkingDNNClassifier, {"hidden_layer_sizes": (32,), "dropout": 0.0}),
        (ShrinkingDNNClassifier, {"hidden_layer_sizes": (32,), **PLAIN}),
        (ShrinkingCNNClassifier, {"layers": (("conv", 4, 2), ("relu",)), "image_shape": (1, 2, 3)}),
    ],
)
def test_bfloat16_is_close_to_float32_and_not_the_same(kind, params):
    params = {"max_epochs": 5, "random_state": 0, "device": "cpu", "policy": FullData()} | params
    bfloat16, float32 = (kind(dtype=dtype, **params).fit(X, Y) for dtype in ("bfloat16", "float32"))
    assert not same(bfloat16, float32)
    assert_allclose(bfloat16.predict_proba(X), float32.predict_proba(X), atol=0.05)
    assert_allclose(bfloat16.loss_curve_, float32.loss_curve_, rtol=0.02)


@needs_bfloat16
@pytest.mark.parametrize("kind", [ShrinkingDNNClassifier, ShrinkingCNNClassifier])
def test_bfloat16_learns_digits(kind):
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    net = kind(dtype="bfloat16", lr=0.005, max_epochs=6, random_state=0, device="cpu")
    assert net.fit(X, y).score(X_test, y_test) > 0.95
    assert sum(net.net_.history[:, "n_active"]) < 0.95 * len(X) * 6


@needs_bfloat16
def test_bfloat16_does_not_take_the_dense_step(monkeypatch):
    made = []

    class Noted(_make_step.DenseStep):
        def __init__(self, *args):
            made.append(self)
            super().__init__(*args)

    monkeypatch.setattr(_make_step, "DenseStep", Noted)
    net = ShrinkingDNNClassifier((8,), **PLAIN, max_epochs=1)
    net.set_params(dtype="bfloat16").fit(X, Y)
    assert not made
    net.set_params(dtype="float32").fit(X, Y)
    assert len(made) == 1


@needs_bfloat16
def test_bfloat16_takes_partial_fits_and_warm_starts():
    net = ShrinkingRegressor(Watched, dtype="bfloat16", warm_start=True, device="cpu")
    net.partial_fit(X, Y)
    assert net.net_.module_.seen[True] == {(torch.bfloat16, True)}
    net.net_.module_.seen[True].clear()
    net.set_params(dtype="float32", max_epochs=1).fit(X, Y)
    assert net.net_.module_.seen[True] == {(torch.float32, False)}


class Failing(Watched):
    def forward(self, x):
        output = super().forward(x)
        if self.training:
            raise ZeroDivisionError
        return output


@needs_bfloat16
def test_autocast_is_off_after_a_fit_that_raises():
    before = torch.get_autocast_dtype("cpu")
    with pytest.raises(ZeroDivisionError):
        ShrinkingClassifier(Failing, dtype="bfloat16", device="cpu").fit(X, Y)
    assert not torch.is_autocast_enabled("cpu")
    assert torch.get_autocast_dtype("cpu") == before


@needs_bfloat16
def test_bfloat16_gives_the_same_bits_for_the_same_seed():
    def fit():
        net = ShrinkingDNNClassifier((8,), dtype="bfloat16", max_epochs=2, random_state=0)
        return net.set_params(device="cpu").fit(X, Y)

    assert same(fit(), fit())
    assert_array_equal(fit().predict_proba(X), fit().predict_proba(X))
