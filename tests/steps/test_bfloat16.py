"""Torch's switch for products in bfloat16, and who may throw it."""

from contextlib import ExitStack
from itertools import pairwise
from threading import Event, Thread

import pytest
import torch
from torch import nn

from sk_sdlr.steps import _bfloat16
from sk_sdlr.steps._bfloat16 import (
    GATE,
    Bfloat16Products,
    Gate,
    exact_products,
    has_switch,
    most_pay,
    pays,
    products_of_layer,
)
from tests.steps.switch import needs_torch_with_switch, precision, turn_on

WAIT = 30


@pytest.fixture
def gate():
    return Gate()


# Whether there is one


@needs_torch_with_switch
@pytest.mark.parametrize(
    ("capabilities", "has"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, True),
        ({"amx_bf16": False, "avx512_bf16": True}, False),
        ({"architecture": "aarch64", "bf16": True}, True),
        ({"architecture": "aarch64", "bf16": False, "sve_bf16": True}, True),
        ({"architecture": "aarch64", "bf16": False, "neon": True}, False),
        ({}, False),
    ],
)
def test_switch_gains_by_some_instructions(monkeypatch, capabilities, has):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert has_switch() is has


@pytest.mark.parametrize("torch_has", [object(), type("Old", (), {"matmul": object()})()])
def test_older_torch_has_no_switch(monkeypatch, torch_has):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    monkeypatch.setattr(_bfloat16, "_MKLDNN", torch_has)
    assert has_switch() is False


def test_torch_that_cannot_tell_the_instructions_has_no_switch(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert has_switch() is False


# Which products gain


@pytest.mark.parametrize(
    ("n_rows", "shape", "gains"),
    [
        (256, (256, 256), True),
        (64, (256, 256), True),
        (60, (256, 256), False),
        (256, (10, 4000), False),
        (4000, (63, 64), False),
        (256, (64, 64), False),
        (256, (8, 64, 64), True),
        (256, (100_000,), False),
    ],
)
def test_large_products_with_no_short_side_gain(n_rows, shape, gains):
    assert pays(n_rows, torch.empty(shape)) is gains


@pytest.mark.parametrize("other", [{"dtype": torch.float64}, {"device": "meta"}])
def test_only_float32_on_the_cpu_gains(other):
    assert not pays(256, torch.empty(256, 256, **other))


@pytest.mark.parametrize(("sizes", "gains"), [((784, 1000, 10), True), ((10, 300, 300), True)])
def test_layers_that_gain_weigh_by_their_products(sizes, gains):
    assert most_pay(256, net_of(sizes)) is gains
    assert not most_pay(256, net_of((28, 50, 2)))
    assert not most_pay(256, net_of((5000, 30, 300, 300)))


def net_of(sizes):
    return nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(sizes)))


# Throwing it


@pytest.fixture(params=["none", "ieee", "bf16", "inherited"])
def outside(request):
    """What the switch is set to by somebody else."""
    backend, matmul = torch.backends.mkldnn, torch.backends.mkldnn.matmul
    if request.param == "inherited":
        backend.fp32_precision = "tf32"
    else:
        matmul.fp32_precision = request.param
    yield "tf32" if request.param == "inherited" else request.param
    backend.fp32_precision = "none"
    # What was inherited still is.
    assert matmul.fp32_precision == ("none" if request.param == "inherited" else request.param)
    matmul.fp32_precision = "none"


@needs_torch_with_switch
@pytest.mark.parametrize("error", [None, KeyError])
def test_switch_is_put_back(outside, error):
    with ExitStack() as stack:
        if error is not None:
            stack.enter_context(pytest.raises(error))
        with Bfloat16Products():
            assert precision() == "bf16"
            if error is not None:
                raise error
    assert precision() == outside


@needs_torch_with_switch
def test_products_within_are_as_exact_as_bfloat16_at_least():
    a, b = torch.randn(128, 96), torch.randn(96, 112)
    with Bfloat16Products():
        product = a @ b
    exact = a.double() @ b.double()
    assert product.dtype == torch.float32
    assert (product - exact).norm() < 0.01 * exact.norm()


def test_layers_choose_only_in_a_step_that_lets_them(monkeypatch):
    weight = torch.empty(256, 256)
    assert products_of_layer(256, weight) is None
    with GATE.shared():
        assert products_of_layer(256, weight) is None
    with GATE.alone():
        assert isinstance(products_of_layer(256, weight), Bfloat16Products)
        assert products_of_layer(16, weight) is None
        assert not in_thread(lambda: GATE.is_alone)
    assert products_of_layer(256, weight) is None


def in_thread(function):
    result = []
    thread = Thread(target=lambda: result.append(function()))
    thread.start()
    thread.join(WAIT)
    return result[0]


def test_without_a_switch_nobody_waits(monkeypatch):
    monkeypatch.setattr(_bfloat16, "HAS_SWITCH", False)
    with GATE.alone():
        assert in_thread(lambda: entered(exact_products)) == "entered"


def entered(context):
    with context():
        return "entered"


# The gate


def other_waits(first, other):
    """Return what happens in which order when a thread enters while another one is inside."""
    inside, other_is_in, order = Event(), Event(), []

    def run_first():
        with first():
            inside.set()
            other_is_in.wait(0.1)
            order.append("first out")

    def run_other():
        inside.wait(WAIT)
        with other():
            other_is_in.set()
            order.append("other in")

    threads = [Thread(target=run_first), Thread(target=run_other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    return order == ["first out", "other in"]


def test_one_alone_keeps_others_out_and_waits_for_them(gate):
    assert other_waits(gate.alone, gate.shared)
    assert other_waits(gate.alone, gate.alone)
    assert other_waits(gate.shared, gate.alone)


def test_many_are_inside_together(gate):
    first_in, second_in = Event(), Event()

    def second():
        with gate.shared():
            second_in.set()
            return first_in.wait(WAIT)

    with gate.shared():
        first_in.set()
        assert in_thread(second)
    assert second_in.is_set()


@pytest.mark.parametrize("outer", ["shared", "alone"])
@pytest.mark.parametrize("inner", ["shared", "alone"])
def test_who_is_inside_may_enter_again(gate, outer, inner):
    with getattr(gate, outer)():
        with getattr(gate, inner)():
            assert gate.is_alone == ("alone" in (outer, inner))
        assert gate.is_alone == (outer == "alone")
    assert not gate.is_alone
    assert not other_waits(gate.shared, gate.shared)


@pytest.mark.parametrize("way", ["shared", "alone"])
def test_an_error_leaves_the_gate_open(gate, way):
    with pytest.raises(KeyError), getattr(gate, way)():
        raise KeyError
    assert in_thread(lambda: entered(gate.alone)) == "entered"


def test_validation_waits_for_a_step_alone(monkeypatch):
    turn_on(monkeypatch)
    assert other_waits(GATE.alone, exact_products)
