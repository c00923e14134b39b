"""What the policy of a stock net is told: errors of all kinds, with batches of all kinds."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from torch import nn
from torch.nn.functional import cross_entropy, one_hot
from torch.utils._python_dispatch import TorchDispatchMode

from sk_sdlr.nets._callback_run import new_generator
from sk_sdlr.policies import ActiveSet, AutoRecall, EpochReport, FullData, ShrinkRecall
from tests.nets.cases import (
    BATCH_SIZE,
    N_CLASSES,
    N_FEATURES,
    N_SAMPLES,
    NUMBERED,
    Rows,
    Spy,
    Y,
    column,
    shrinking,
)
from tests.nets.stock import WORKERS, epochs_of, make_stock, rows_of

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")
EASY = (NUMBERED[:, 1] > 0).astype("int64")
AUTO = [AutoRecall(s=0.3), AutoRecall(s=0.3, alpha=None)]


class Probabilities(Rows):
    def forward(self, x):
        return super().forward(x).softmax(1)


def half_squares(p, y):
    return (p - one_hot(torch.as_tensor(y), p.shape[1])).square().sum(1) / 2


def told(spy, name):
    """Return a signal, or the errors, of all epochs that a policy was told of."""
    return torch.cat([r.error if name == "error" else r.signals[name] for r in spy.told])


# Errors of the outputs


@pytest.mark.parametrize("workers", ["in the process", "workers"])
@pytest.mark.parametrize(
    ("params", "bounded", "expected"),
    [
        ({}, True, lambda z, y: half_squares(z.softmax(1), y)),
        (
            {"module": Probabilities, "criterion": nn.NLLLoss},
            True,
            lambda z, y: half_squares(z.softmax(1), y),
        ),
        ({"cls": NeuralNet, "criterion": nn.NLLLoss}, True, lambda z, y: half_squares(z.exp(), y)),
        (
            {"cls": NeuralNetBinaryClassifier, "criterion": nn.BCEWithLogitsLoss},
            True,
            lambda z, y: (z.squeeze(1).sigmoid() - y).square() / 2,
        ),
        (
            {"cls": NeuralNetRegressor, "criterion": nn.MSELoss},
            False,
            lambda z, y: (z.squeeze(1) - y).square(),
        ),
    ],
    ids=["CrossEntropyLoss", "NLLLoss", "NLLLoss of logarithms", "binary", "regressor"],
)
def test_the_policy_is_told_the_errors_of_the_outputs(params, bounded, expected, workers):
    y = Y
    if params.get("criterion") in (nn.BCEWithLogitsLoss, nn.MSELoss):
        y, params = Y.astype("float32"), params | {"module__n_outputs": 1}
    y = y[:, None] if not bounded else y
    params = params | WORKERS[workers] | {"iterator_train__shuffle": True, "max_epochs": 3}
    net = make_stock(spy := Spy(AutoRecall()), **params).fit(NUMBERED, y)
    assert [report.bounded_outputs for report in spy.told] == [bounded] * 2
    assert {report.sample_weight for report in spy.told} == {None}
    n = len(told(spy, "error"))
    outputs, rows = torch.cat(net.module_.outputs)[:n], rows_of(net)[:n]
    by_hand = expected(outputs, torch.from_numpy(Y)[rows])
    torch.testing.assert_close(told(spy, "output_error"), by_hand)
    if not bounded:
        assert torch.equal(told(spy, "output_error"), told(spy, "error"))
    # No forward pass more than there are batches.
    assert len(net.module_.batches) == sum(column(net, "train_batch_count"))


def test_a_loss_that_does_without_the_criterion_is_the_output_error_itself():
    class Net(NeuralNetClassifier):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            return cross_entropy(y_pred, y_true, reduction=self.criterion_.reduction)

    make_stock(spy := Spy(AutoRecall()), cls=Net).fit(NUMBERED, Y)
    assert not any(report.bounded_outputs for report in spy.told)
    assert torch.equal(told(spy, "output_error"), told(spy, "error"))


def test_what_looks_like_a_policy_may_ask_for_output_errors_and_another_has_none():
    class Own:
        needs = {"output_error"}

        def start(self, n_samples):
            return ActiveSet(torch.arange(n_samples))

        def update(self, active, report, *, generator):
            asked.append(report.signals["output_error"])
            return active

    asked = []
    make_stock(Own()).fit(NUMBERED, Y)
    assert [error.shape for error in asked] == [(N_SAMPLES,)] * 3
    make_stock(spy := Spy(shrinking())).fit(NUMBERED, Y)
    assert not any(report.signals for report in spy.told)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("policy", [AutoRecall(), ShrinkRecall(t=0.2)])
def test_errors_have_a_type_in_which_they_can_be_ranked(dtype, policy):
    module = nn.Linear(N_FEATURES, N_CLASSES).to(dtype)
    X = torch.from_numpy(NUMBERED[:, 1:]).to(dtype)
    make_stock(spy := Spy(policy), module=module).fit(X, Y)
    wide = torch.promote_types(dtype, torch.float32)
    for report in spy.told:
        assert report.error.dtype == report.last_error.dtype == wide
        assert all(signal.dtype == wide for signal in report.signals.values())


@pytest.mark.usefixtures("tiny_sets")
@pytest.mark.parametrize("policy", AUTO, ids=["smoothed", "exact"])
def test_active_sets_are_those_of_the_policy_run_by_hand(policy):
    net = make_stock(spy := Spy(policy), lr=2.0, max_epochs=14).fit(NUMBERED, EASY)
    active, table = policy.start(N_SAMPLES), torch.full((N_SAMPLES,), torch.nan)
    for number, (rows, report) in enumerate(zip(epochs_of(net), spy.told, strict=False), 1):
        assert rows == active.index.tolist()
        index, error, signals = torch.tensor(rows), report.error, report.signals
        table = table.index_copy(0, index, error)
        again = EpochReport(index, error, BATCH_SIZE, number, number / 14, table, signals)
        active = policy.update(active, again, generator=torch.Generator())
    assert epochs_of(net)[-1] == active.index.tolist()
    sizes = column(net, "n_active")
    assert min(sizes) < 0.6 * N_SAMPLES  # several steps deep, and back
    assert any(few < many == N_SAMPLES for few, many in pairwise(sizes))


# Last batches that are dropped


@pytest.mark.parametrize("shuffle", [False, True])
def test_rows_of_a_dropped_batch_are_not_visited(shuffle):
    params = {"iterator_train__drop_last": True, "iterator_train__shuffle": shuffle}
    net = make_stock(spy := Spy(AutoRecall(s=0)), max_epochs=3, **params).fit(NUMBERED, Y)
    assert column(net, "n_active") == [48, 48, 48]
    assert [report.index.tolist() for report in spy.told] == epochs_of(net)[:2]
    by_hand = half_squares(torch.cat(net.module_.outputs).softmax(1), Y[rows_of(net)])
    torch.testing.assert_close(told(spy, "output_error"), by_hand[:96])
    report = spy.told[0]
    dropped = list(set(range(N_SAMPLES)) - set(report.index.tolist()))
    assert report.last_error[dropped].tolist() == [float(report.error.max())] * 2
    assert report.last_error[report.index].tolist() == report.error.tolist()


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("policy", [shrinking(), ShrinkRecall(t=0.2)], ids=["exact", "smoothed"])
def test_active_rows_that_never_were_in_a_batch_stay_active(policy, shuffle):
    params = {"iterator_train__drop_last": True, "iterator_train__shuffle": shuffle}
    net = make_stock(spy := Spy(policy), batch_size=12, **params).fit(NUMBERED, Y)
    assert column(net, "n_active")[0] == 48
    seen = set()
    for report, active in zip(spy.told, spy.actives[1:], strict=False):
        seen |= set(report.index.tolist())
        assert set(range(N_SAMPLES)) - seen <= set(active.index.tolist())


def test_a_set_too_small_for_a_batch_is_recalled():
    params = {"batch_size": 20, "iterator_train__drop_last": True}
    policy = ShrinkRecall(s=0.5, alpha=None, recall=False, t=1)
    net = make_stock(policy, **params).fit(NUMBERED, Y)
    # 50 rows are two batches; the 25 that are left are one; the 13 after them none.
    assert column(net, "n_active") == [40, 20, 40, 20]
    assert column(net, "train_batch_count") == [2, 1, 2, 1]


def test_no_batch_at_all_is_no_error_as_without_a_callback():
    params = {"batch_size": 64, "iterator_train__drop_last": True}
    net = make_stock(spy := Spy(), **params).fit(NUMBERED, Y)
    assert column(net, "n_active") == column(net, "train_batch_count") == [0] * 4
    assert not spy.told


@pytest.mark.parametrize("drop_last", [False, True])
def test_errors_that_are_not_finite_are_an_error(drop_last):
    spoilt = NUMBERED.copy()
    spoilt[3, 1] = np.nan
    net = make_stock(shrinking(), iterator_train__drop_last=drop_last)
    with pytest.raises(ValueError, match="must be finite to be ranked"):
        net.fit(spoilt, Y)


# Random numbers and cost


def test_the_generator_is_seeded_by_torchs_own_which_it_leaves_alone():
    state = torch.get_rng_state()
    numbers = [torch.rand(3, generator=new_generator()).tolist() for _ in range(2)]
    assert numbers[0] == numbers[1]
    assert torch.equal(torch.get_rng_state(), state)
    base_seed = int(torch.empty((), dtype=torch.int64).random_())  # which DataLoader draws
    torch.set_rng_state(state)
    seed = new_generator().initial_seed()
    assert seed % 2**32 not in {(base_seed + worker) % 2**32 for worker in range(1000)}


class HostSyncs(TorchDispatchMode):
    """Counts what item(), float(), int() and bool() of a tensor come down to."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@dataclass
class NeedsOutputs(FullData):
    needs = frozenset({"output_error"})


@pytest.mark.parametrize("policy", [FullData(), NeedsOutputs()])
def test_batches_wait_no_more_for_the_device_than_without_it(policy, monkeypatch):
    counts = []
    for batch_size in (N_SAMPLES, 1):
        for p in (None, policy):
            with HostSyncs() as syncs:
                make_stock(p, batch_size=batch_size).fit(NUMBERED, Y)
            counts.append(syncs.count)
    few, few_with, many, many_with = counts
    assert few_with - few == many_with - many
    assert many > few
    moved, cpu = [], torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: moved.append(tensor) or cpu(tensor))
    net = make_stock(policy).fit(NUMBERED, Y)
    assert len(moved) == net.max_epochs  # the errors come once an epoch


def test_errors_hold_no_graph():
    class Net(NeuralNetClassifier):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            loss = super().get_loss(y_pred, y_true, *args, **kwargs)
            graphs.append((self.criterion_.reduction, torch.is_grad_enabled()))
            return loss if self.criterion_.reduction == "mean" else y_pred[:, 0]  # which has one

    graphs = []
    make_stock(spy := Spy(), cls=Net).fit(NUMBERED, Y)
    assert set(graphs) == {("mean", True), ("none", False)}
    assert not spy.told[0].error.requires_grad
