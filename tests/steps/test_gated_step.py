"""Steps whose products are computed in bfloat16, and those beside them."""

from functools import partial

import pytest
import torch
from torch import Generator, nn
from torch.optim import SGD

from sk_sdlr.modules import MLP, RBM
from sk_sdlr.steps import Objective, _bfloat16, _contrastive_divergence, _dense
from sk_sdlr.steps._autograd import AutogradStep
from sk_sdlr.steps._bfloat16 import GATE
from sk_sdlr.steps._contrastive_divergence import ContrastiveDivergenceStep
from sk_sdlr.steps._dense import DenseStep
from sk_sdlr.steps._gated_step import GatedStep, gated
from sk_sdlr.steps._step import Batches
from sk_sdlr.steps.chain import _linear
from sk_sdlr.steps.chain._chain import ChainStep
from tests.steps.switch import needs_torch_with_switch, note_products, precision, turn_on

pytestmark = needs_torch_with_switch
N_ROWS, BATCH_SIZE = 20, 8


def rows(n_features=6):
    x, y = torch.rand(N_ROWS, n_features), torch.arange(N_ROWS) % 3
    return Batches(x, y, torch.empty(N_ROWS), BATCH_SIZE)


def mlp(**params):
    return MLP(6, 3, hidden_layer_sizes=(5,), **params)


def of(step, module):
    optimizer = SGD(module.parameters(), lr=0.1, momentum=0.9)
    return step(module, Objective(nn.CrossEntropyLoss()), optimizer)


def machine():
    rbm = RBM(6, 5)
    objective, optimizer = Objective(nn.MSELoss()), SGD(rbm.parameters(), lr=0.1)
    step = ContrastiveDivergenceStep(rbm, objective, optimizer, generator=Generator())
    return rbm, step


def outcome(step, module, precision):
    gated(step, module, precision)(rows())
    step.close()
    return [parameter.detach().clone() for parameter in module.parameters()]


@pytest.mark.parametrize("fp32_precision", [None, "bf16"])
def test_step_is_as_it_was_where_there_is_no_switch(monkeypatch, fp32_precision):
    monkeypatch.setattr(_bfloat16, "HAS_SWITCH", False)
    module = mlp()
    step = of(AutogradStep, module)
    assert gated(step, module, fp32_precision) is step


def test_step_is_as_it_was_on_other_devices(monkeypatch):
    turn_on(monkeypatch)
    module = nn.Linear(3, 2, device="meta")
    step = of(AutogradStep, module)
    assert gated(step, module, "bf16") is step


@pytest.mark.parametrize(("fp32_precision", "seen"), [(None, "none"), ("bf16", "bf16")])
def test_all_of_a_step_in_closed_form(monkeypatch, fp32_precision, seen):
    turn_on(monkeypatch)
    products = note_products(monkeypatch, _dense, "mm")
    updates = note_products(monkeypatch, _dense, "addmm_")
    module = mlp()
    outcome(of(DenseStep, module), module, fp32_precision)
    assert len(products) == 3 * 3
    assert len(updates) == 3 * 2
    assert {now for _, now in products + updates} == {seen}
    assert precision() == "none"


@pytest.mark.parametrize(("fp32_precision", "seen"), [(None, "none"), ("bf16", "bf16")])
def test_all_of_contrastive_divergence(monkeypatch, fp32_precision, seen):
    turn_on(monkeypatch)
    products = note_products(monkeypatch, _contrastive_divergence, "affine")
    rbm, step = machine()
    outcome(step, rbm, fp32_precision)
    assert {now for _, now in products} == {seen}
    assert precision() == "none"


class Noting(nn.Linear):
    """A layer that notes what products are computed in, forward and backward; it may fail."""

    def __init__(self, fails=False):
        super().__init__(6, 3)
        self.fails, self.seen = fails, []

    def forward(self, x):
        self.seen.append(precision())
        if self.fails:
            raise KeyError
        output = super().forward(x)
        output.register_hook(lambda gradient: self.seen.append(precision()))
        return output


@pytest.mark.parametrize(("fp32_precision", "seen"), [(None, "none"), ("bf16", "bf16")])
def test_all_of_a_step_by_autograd(monkeypatch, fp32_precision, seen):
    turn_on(monkeypatch)
    module = Noting()
    outcome(of(AutogradStep, module), module, fp32_precision)
    assert module.seen == [seen] * 6
    assert precision() == "none"


def test_step_of_products_that_lose_is_in_float32(monkeypatch):
    turn_on(monkeypatch, pays_from=6 * 3 * BATCH_SIZE + 1)
    module = Noting()
    outcome(of(AutogradStep, module), module, "bf16")
    assert module.seen == ["none"] * 6


@pytest.mark.parametrize("fp32_precision", [None, "bf16"])
def test_chain_decides_layer_by_layer(monkeypatch, fp32_precision):
    # The hidden layer gains, the output layer does not.
    turn_on(monkeypatch, pays_from=BATCH_SIZE * 5 * 6)
    forward = note_products(monkeypatch, _linear, "affine_into")
    backward = note_products(monkeypatch, _linear, "addmm_")
    module = mlp(batch_norm=True)
    outcome(of(ChainStep, module), module, fp32_precision)
    hidden = "none" if fp32_precision is None else "bf16"
    assert set(forward) == {((n, 5), hidden) for n in (8, 4)} | {((n, 3), "none") for n in (8, 4)}
    below_output = {((n, 5), "none") for n in (8, 4)} | {((3, 5), "none")}
    assert set(backward) == below_output | {((5, 6), hidden)}
    assert precision() == "none"


def test_chain_by_itself_leaves_the_switch_alone(monkeypatch):
    turn_on(monkeypatch)
    forward = note_products(monkeypatch, _linear, "affine_into")
    of(ChainStep, mlp(batch_norm=True))(rows())
    assert {now for _, now in forward} == {"none"}


@pytest.mark.parametrize("outside", ["none", "ieee"])
def test_switch_is_put_back_after_an_error(monkeypatch, outside):
    turn_on(monkeypatch)
    torch.backends.mkldnn.matmul.fp32_precision = outside
    try:
        module = Noting(fails=True)
        with pytest.raises(KeyError):
            gated(of(AutogradStep, module), module, "bf16")(rows())
        assert module.seen == ["bf16"]
        assert precision() == outside
        assert not GATE.is_alone
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = "none"


@pytest.mark.parametrize("kind", [AutogradStep, ChainStep, DenseStep])
def test_float32_has_the_same_bits_after_bfloat16(monkeypatch, kind):
    def learn(fp32_precision):
        torch.manual_seed(0)
        module = mlp()
        torch.manual_seed(1)
        return outcome(of(kind, module), module, fp32_precision)

    alone = learn(None)
    turn_on(monkeypatch)
    learn("bf16")
    assert all(map(torch.equal, learn(None), alone))


def test_gated_step_hands_on_the_state(monkeypatch):
    turn_on(monkeypatch)
    rbm, step = machine()
    gate, other = gated(step, rbm, "bf16"), partial(gated, fp32_precision=None)
    assert isinstance(gate, GatedStep)
    state = gate.state_dict()
    gate(rows())
    rbm, step = machine()
    again = other(step, rbm)
    again.load_state_dict(state)
    assert torch.equal(again.state_dict()["generator"], state["generator"])
    rbm.weight.grad = torch.zeros_like(rbm.weight)
    again.close()
    assert rbm.weight.grad is None
