"""What a fit computes in."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from sk_sdlr import (
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingDBNClassifier,
    ShrinkingDNNClassifier,
    ShrinkingDNNRegressor,
    ShrinkingRegressor,
)
from sk_sdlr.estimators import _dtypes
from sk_sdlr.estimators._dtypes import DTYPES, autocast_type, has_bfloat16, precision
from sk_sdlr.policies import Policy
from sk_sdlr.steps import _bfloat16, _dense, _gated_step, _make_step
from sk_sdlr.steps import _contrastive_divergence as cd
from sk_sdlr.steps.chain import _linear
from sk_sdlr.steps.chain._chain import ChainStep
from tests.estimators.helpers import same, weights
from tests.steps.switch import needs_torch_with_switch, note_products, turn_on
from tests.steps.switch import precision as precision_now

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
        now = output.dtype, torch.is_autocast_enabled("cpu"), precision_now()
        self.seen[self.training].add(now)

    def forward(self, x):
        return self.layers(x)


class WatchedConvolution(Watched):
    """One that has a convolution."""

    def __init__(self, n_inputs, n_outputs):
        super().__init__(n_inputs, n_outputs)
        self.convolution = nn.Conv1d(1, 1, 1)

    def forward(self, x):
        return super().forward(self.convolution(x[:, None])[:, 0])


# What a Watched net notes.
IN_BFLOAT16 = (torch.float32, False, "bf16")
IN_FLOAT32 = (torch.float32, False, "none")


def dnn(**params):
    params = {"max_epochs": 3, "random_state": 0, "device": "cpu"} | params
    return ShrinkingDNNClassifier((32,), **params)


def plain_dnn(**params):
    return dnn(**PLAIN | params)


def dbn(**params):
    params = {"max_epochs": 3, "random_state": 0, "device": "cpu", "pretrain_epochs": 2} | params
    return ShrinkingDBNClassifier((32,), **params)


def cnn(**params):
    params = {"max_epochs": 3, "random_state": 0, "device": "cpu"} | params
    return ShrinkingCNNClassifier([("conv", 4, 2), ("relu",)], image_shape=(1, 2, 3), **params)


@pytest.fixture
def no_bfloat16(monkeypatch):
    monkeypatch.setattr(_dtypes, "has_bfloat16", lambda device: False)
    monkeypatch.setattr(_bfloat16, "HAS_SWITCH", False)


@pytest.fixture
def switch(monkeypatch):
    turn_on(monkeypatch)


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


@pytest.mark.parametrize("dtype", ["bfloat16", "auto"])
@pytest.mark.parametrize("make", [dnn, plain_dnn, dbn, cnn])
@pytest.mark.usefixtures("no_bfloat16")
def test_bfloat16_is_float32_to_the_last_bit_where_it_is_not_there(make, dtype):
    other, float32 = (make(dtype=name).fit(X, Y) for name in (dtype, "float32"))
    assert same(other, float32)
    assert other.loss_curve_ == float32.loss_curve_


@pytest.mark.parametrize(
    ("dtype", "device", "convolutions", "autocast", "fp32_precision"),
    [
        ("bfloat16", "cpu", False, None, "bf16"),
        ("auto", "cpu", False, None, "bf16"),
        ("bfloat16", "cpu", True, torch.bfloat16, None),
        ("bfloat16", "cuda", False, torch.bfloat16, None),
        ("auto", "cuda:1", True, torch.bfloat16, None),
        ("float32", "cpu", False, None, None),
        ("float64", "cpu", False, None, None),
        ("float32", "cuda", True, None, None),
    ],
)
def test_convolutions_and_gpus_go_by_autocast_other_nets_by_the_switch(
    monkeypatch, dtype, device, convolutions, autocast, fp32_precision
):
    monkeypatch.setattr(_dtypes, "has_bfloat16", lambda device: True)
    expected = {"autocast": autocast, "fp32_precision": fp32_precision}
    assert precision(dtype, device, convolutions=convolutions) == expected


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


@needs_torch_with_switch
@pytest.mark.usefixtures("switch")
def test_bfloat16_is_for_products_in_training_alone():
    policy = Spy()
    net = ShrinkingClassifier(
        Watched, dtype="bfloat16", policy=policy, max_epochs=3, batch_size=50, device="cpu"
    )
    net.set_params(early_stopping=True).fit(X, Y)  # validation is not training
    module = net.net_.module_
    assert module.seen == {True: {IN_BFLOAT16}, False: {IN_FLOAT32}}
    module.seen[False].clear()
    assert net.predict_proba(X).dtype == np.float32
    assert module.seen[False] == {IN_FLOAT32}
    assert {tensor.dtype for tensor in [*weights(net), *policy.errors]} == {torch.float32}
    assert {type(loss) for loss in net.loss_curve_} == {float}


@needs_bfloat16
def test_convolutions_are_trained_under_autocast():
    net = ShrinkingClassifier(WatchedConvolution, dtype="bfloat16", max_epochs=1, device="cpu")
    seen = net.fit(X, Y).net_.module_.seen[True]
    assert {(dtype, is_autocast) for dtype, is_autocast, _ in seen} == {(torch.bfloat16, True)}
    assert {now for *_, now in seen} == {precision_now()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_types_are_without_autocast(dtype):
    net = ShrinkingClassifier(Watched, dtype=dtype, max_epochs=1, device="cpu").fit(X, Y)
    expected = {(DTYPES[dtype][1], False, precision_now())}
    assert net.net_.module_.seen[True] == expected
    assert net.net_.module_.seen[False] <= expected


@needs_torch_with_switch
@pytest.mark.parametrize("make", [dnn, plain_dnn, dbn])
def test_auto_is_bfloat16_where_it_is_there(monkeypatch, make):
    products = [
        note_products(monkeypatch, module, name)
        for module, name in ((_linear, "affine_into"), (_dense, "mm"), (cd, "affine"))
    ]
    float32 = make(dtype="float32").fit(X, Y)
    assert {now for seen in products for _, now in seen} == {"none"}
    turn_on(monkeypatch)
    for seen in products:
        seen.clear()
    auto, bfloat16 = (make(dtype=dtype).fit(X, Y) for dtype in ("auto", "bfloat16"))
    assert same(auto, bfloat16)
    assert {now for seen in products for _, now in seen} == {"bf16"}
    assert precision_now() == "none"
    assert_allclose(auto.predict_proba(X), float32.predict_proba(X), atol=0.05)
    assert same(make(dtype="float32").fit(X, Y), float32)


@needs_bfloat16
def test_convolutions_in_bfloat16_are_close_to_float32_and_not_the_same():
    bfloat16, float32 = (cnn(dtype=dtype).fit(X, Y) for dtype in ("bfloat16", "float32"))
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


@pytest.mark.parametrize("has_switch", [True, False])
@pytest.mark.parametrize(("make", "step"), [(plain_dnn, "DenseStep"), (dnn, "ChainStep")])
def test_bfloat16_takes_the_steps_in_closed_form(monkeypatch, make, step, has_switch):
    if has_switch:
        turn_on(monkeypatch)
    made, kind = [], getattr(_make_step, step)

    class Noted(kind):
        def __init__(self, *args):
            made.append(self)
            super().__init__(*args)

    monkeypatch.setattr(_make_step, step, Noted)
    monkeypatch.setattr(_gated_step, "ChainStep", Noted if step == "ChainStep" else ChainStep)
    make(dtype="bfloat16", max_epochs=1).fit(X, Y)
    assert len(made) == 1


@needs_torch_with_switch
@pytest.mark.usefixtures("switch")
def test_bfloat16_takes_partial_fits_and_warm_starts():
    net = ShrinkingRegressor(Watched, dtype="bfloat16", warm_start=True, device="cpu")
    net.partial_fit(X, Y)
    assert net.net_.module_.seen[True] == {IN_BFLOAT16}
    net.net_.module_.seen[True].clear()
    net.set_params(dtype="float32", max_epochs=1).fit(X, Y)
    assert net.net_.module_.seen[True] == {IN_FLOAT32}


class Failing(Watched):
    def forward(self, x):
        output = super().forward(x)
        if self.training:
            raise ZeroDivisionError
        return output


class FailingConvolution(WatchedConvolution, Failing):
    pass


@needs_torch_with_switch
@pytest.mark.usefixtures("switch")
def test_switch_is_put_back_after_a_fit_that_raises():
    with pytest.raises(ZeroDivisionError):
        ShrinkingClassifier(Failing, dtype="bfloat16", device="cpu").fit(X, Y)
    assert precision_now() == "none"


@needs_bfloat16
def test_autocast_is_off_after_a_fit_that_raises():
    before = torch.get_autocast_dtype("cpu")
    with pytest.raises(ZeroDivisionError):
        ShrinkingClassifier(FailingConvolution, dtype="bfloat16", device="cpu").fit(X, Y)
    assert not torch.is_autocast_enabled("cpu")
    assert torch.get_autocast_dtype("cpu") == before


@needs_torch_with_switch
@pytest.mark.parametrize("make", [dnn, plain_dnn])
@pytest.mark.usefixtures("switch")
def test_bfloat16_gives_the_same_bits_for_the_same_seed(make):
    assert same(make(dtype="bfloat16").fit(X, Y), make(dtype="bfloat16").fit(X, Y))
