"""Data of all kinds, and what a policy is told of them."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from skorch.dataset import Dataset, ValidSplit
from torch import nn
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from sk_sdlr.modules import MLP
from sk_sdlr.policies import ActiveSet, AutoRecall, FullData
from tests.nets.cases import (
    N_CLASSES,
    N_FEATURES,
    N_SAMPLES,
    SIZES,
    STEPS,
    TENSORS,
    Spy,
    X,
    Y,
    assert_same_bits,
    column,
    make_net,
    shrinking,
    weights,
)

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")


@pytest.mark.parametrize("data", [Dataset(X, Y), TensorDataset(*TENSORS)])
def test_a_subset_is_fitted_as_its_rows(data):
    rows = [5, 3, 40, 8, 21, 30, 11, 12, 2, 0]
    net = make_net().fit(Subset(data, rows), None)
    assert_same_bits(net, make_net().fit(X[rows], Y[rows]))


@pytest.mark.parametrize(
    "data",
    [
        ({"a": X}, Y),
        ([X, X], Y),
        (ConcatDataset([TensorDataset(*TENSORS)]), None),
        (TensorDataset(TENSORS[0]), None),
    ],
)
def test_data_that_are_not_two_arrays_are_refused(data):
    with pytest.raises(TypeError, match="one array of features and one of targets"):
        make_net().fit(*data)


def test_features_may_be_integers():
    module = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(3 * 4, N_CLASSES))
    spy = Spy(shrinking())
    net = make_net(module, policy=spy).fit(torch.arange(150).view(50, 3) % 5, TENSORS[1])
    assert column(net, "n_active") == SIZES[:4]
    assert spy.told[0].error.is_floating_point()
    assert net.history[0, "train_loss"] == pytest.approx(float(spy.told[0].error.mean()))


def test_float64_stays_float64():
    spy = Spy()
    net = make_net(MLP(N_FEATURES, N_CLASSES).double(), policy=spy, train_split=ValidSplit(5))
    net.fit(X.astype("float64"), Y)
    assert spy.told[0].error.dtype == torch.float64
    assert {tensor.dtype for tensor in weights(net).values()} == {torch.float64}


def test_targets_may_be_probabilities():
    target = torch.stack([1 - TENSORS[1] / 2, TENSORS[1] / 2], dim=1)
    net = make_net(max_epochs=1, batch_size=N_SAMPLES).fit(X, target)
    expected = nn.functional.cross_entropy(make_net().initialize().module_(TENSORS[0]), target)
    assert net.history[-1, "train_loss"] == pytest.approx(expected.item())


def test_one_row_can_be_fitted():
    net = make_net(policy=AutoRecall()).fit(X[:1], Y[:1])
    assert column(net, "n_active") == [1] * 4


def test_a_batch_size_above_the_number_of_rows_is_one_batch():
    net = make_net(batch_size=1000).fit(X, Y)
    assert_same_bits(net, make_net(batch_size=N_SAMPLES).fit(X, Y))


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"module__batch_norm": True},
        lambda: {"module": nn.Sequential(nn.BatchNorm1d(N_FEATURES), nn.Linear(N_FEATURES, 2))},
    ],
    ids=["own", "torch's"],
)
def test_batch_norm_may_meet_a_last_batch_of_one_row(make):
    spy, is_own = Spy(), "module" not in make()
    net = make_net(**make(), policy=spy, batch_size=7, max_epochs=8).fit(X, Y)
    assert N_SAMPLES % 7 == 1
    # torch's wants two rows at least: the last one is left for another epoch.
    assert column(net, "n_active") == [N_SAMPLES - (not is_own)] * 8
    left_out = [set(range(N_SAMPLES)) - set(told.index.tolist()) for told in spy.told]
    assert len(set.union(*left_out)) > 1 or is_own
    assert np.isfinite(net.predict(X)).all()


def test_autocast_is_for_training_alone():
    seen = {True: set(), False: set()}

    class Watched(nn.Linear):
        def forward(self, x):
            output = super().forward(x)
            seen[self.training].add(output.dtype)
            return output

    spy = Spy()
    net = make_net(Watched(N_FEATURES, N_CLASSES), autocast=torch.bfloat16, policy=spy)
    net.fit(X, Y, valid=TensorDataset(*TENSORS)).predict(X)
    assert seen == {True: {torch.bfloat16}, False: {torch.float32}}
    assert {told.error.dtype for told in spy.told} == {torch.float32}
    assert {tensor.dtype for tensor in weights(net).values()} == {torch.float32}


def test_autocast_takes_no_dense_step():
    nets = [make_net(step=step, autocast=torch.bfloat16).fit(X, Y) for step in ("auto", "autograd")]
    assert_same_bits(*nets)
    plain = weights(make_net().fit(X, Y))
    torch.testing.assert_close(weights(nets[0]), plain, rtol=0.1, atol=0.02)
    assert not torch.equal(weights(nets[0])["linears.0.weight"], plain["linears.0.weight"])


# Errors


@dataclass
class WatchesOutputs(FullData):
    """Needs the errors of the outputs or not."""

    asks: bool = True

    @property
    def needs(self):
        return frozenset({"output_error"} if self.asks else ())


class Sees(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


@pytest.mark.parametrize("callbacks", [[], [Sees()]], ids=["unwatched", "watched"])
@pytest.mark.parametrize("step", STEPS)
def test_a_policy_is_told_the_errors_of_the_outputs_if_it_needs_them(step, callbacks):
    spies = [Spy(WatchesOutputs(asks)) for asks in (True, False)]
    nets = [make_net(policy=spy, step=step, callbacks=callbacks).fit(X, Y) for spy in spies]
    assert_same_bits(*nets)
    assert column(nets[0], "train_loss") == column(nets[1], "train_loss")
    for asked, unasked in zip(*(spy.told for spy in spies), strict=True):
        # Of two classes both go by the probability of the right one.
        expected = (1 - (-asked.error).exp()).square()
        torch.testing.assert_close(asked.signals["output_error"], expected)
        assert not unasked.signals


class Plain:
    """All rows, in a class of one's own that says nothing of what it needs."""

    def start(self, n_samples):
        return ActiveSet(torch.arange(n_samples))

    def update(self, active, report, *, generator):
        assert not report.signals
        return active


@pytest.mark.parametrize("step", STEPS)
def test_no_policy_is_full_data_and_what_looks_like_one_is_one(step):
    nets = [make_net(policy=p, step=step).fit(X, Y) for p in (None, FullData(), Plain())]
    assert_same_bits(nets[0], nets[1])
    assert_same_bits(nets[0], nets[2])
    assert column(nets[0], "train_loss") == column(nets[1], "train_loss")


@pytest.mark.usefixtures("tiny_sets")
@pytest.mark.parametrize("alpha", [None, 0.5])
@pytest.mark.parametrize("step", STEPS)
def test_rows_that_are_learnt_leave_and_come_back(step, alpha):
    easy = np.column_stack([np.where(Y, 5, -5), X[:, 1:]]).astype("f")
    policy = AutoRecall(alpha=alpha)
    net = make_net(policy=policy, step=step, max_epochs=30, batch_size=4, lr=0.5).fit(easy, Y)
    sizes = column(net, "n_active")
    assert min(sizes) < N_SAMPLES / 2
    assert N_SAMPLES in sizes[sizes.index(min(sizes)) :]
    left = [threshold is not None for threshold in column(net, "threshold")[:-1]]
    assert left == [after < before for before, after in pairwise(sizes)]
