import math
import pickle
import random
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
)
from skorch.dataset import Dataset, ValidSplit
from torch import nn
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau, StepLR
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from sk_sdlr.modules import MLP
from sk_sdlr.policies import ActiveSet, AutoRecall, FullData, Policy, ShrinkRecall
from sk_sdlr.training import (
    ActiveSetNet,
    ActiveSetNetClassifier,
    SquaredError,
    _batches,
    _rows,
)

# Sizes are easiest to tell without a last stretch on all rows.
pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")

N_SAMPLES, N_FEATURES, N_CLASSES = 50, 3, 2
SIZES = [50, 40, 32, 26, 21, 17, 14, 12, 10, 8, 50, 40]  # s = t = 0.2, Algorithm 3
STEPS = ["dense", "autograd"]


def make_data(n_samples=N_SAMPLES):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, N_FEATURES)).astype("float32")
    return X, (X[:, 0] + rng.normal(size=n_samples) > 0).astype("int64")


X, Y = make_data()
TENSORS = torch.from_numpy(X), torch.from_numpy(Y)


def make_net(module=MLP, cls=ActiveSetNet, **params):
    sizes = {"n_inputs": N_FEATURES, "n_outputs": N_CLASSES, "hidden_layer_sizes": (4,)}
    defaults = {
        "criterion": nn.CrossEntropyLoss,
        "max_epochs": 4,
        "lr": 0.1,
        "batch_size": 8,
        "random_state": 0,
        "verbose": 0,
    }
    if module is MLP:
        defaults |= {f"module__{name}": value for name, value in sizes.items()}
    return cls(module, **defaults | params)


def weights(net):
    return {name: tensor.clone() for name, tensor in net.module_.state_dict().items()}


def assert_same_bits(a, b):
    torch.testing.assert_close(weights(a), weights(b), rtol=0, atol=0, equal_nan=True)


def column(net, name):
    return net.history[:, name]


class Rows(nn.Module):
    """A linear net that notes the rows it is trained on: column 0 of the features numbers them."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(N_FEATURES, N_CLASSES)
        self.batches = []

    def forward(self, x):
        if self.training:
            self.batches.append(x[:, 0].long().tolist())
        return self.linear(x[:, 1:])


NUMBERED = np.column_stack([np.arange(N_SAMPLES, dtype="float32"), X])


def fit_rows(**params):
    """Fit on numbered rows; return the net and the rows in the order visited."""
    net = make_net(Rows, **params).fit(NUMBERED, Y)
    return net, list(chain.from_iterable(net.module_.batches))


def epochs_of(rows, sizes):
    """Cut rows in the order visited into epochs of the given sizes."""
    assert len(rows) == sum(sizes)
    ends = np.cumsum(sizes)
    return [rows[end - size : end] for size, end in zip(sizes, ends, strict=True)]


@dataclass
class Spy(Policy):
    """Does what another policy does, and keeps what it was told."""

    policy: Policy = field(default_factory=FullData)
    told: list = field(default_factory=list)

    @property
    def needs(self):
        return self.policy.needs

    def start(self, n_samples):
        return self.policy.start(n_samples)

    def update(self, active, epoch, *, generator):
        # The table is the net's own and goes on changing.
        self.told.append((active, replace(epoch, last_error=epoch.last_error.clone())))
        return self.policy.update(active, epoch, generator=generator)


@dataclass
class Weighted(Policy):
    """All rows, with the weights given."""

    weight: torch.Tensor

    def start(self, n_samples):
        return ActiveSet(torch.arange(n_samples), weight=self.weight)

    def update(self, active, epoch, *, generator):
        return active


# Which rows are visited


def test_sizes_of_the_active_set_are_those_of_algorithm_3():
    net, rows = fit_rows(policy=ShrinkRecall(t=0.2, alpha=None), max_epochs=len(SIZES))
    assert column(net, "n_active") == SIZES
    assert len(rows) == sum(SIZES)


def test_each_active_row_is_visited_once_an_epoch_and_in_no_further_forward_pass():
    spy = Spy(ShrinkRecall(t=0.2, alpha=None))
    net, rows = fit_rows(policy=spy, max_epochs=len(SIZES))
    assert len(net.module_.batches) == sum(math.ceil(size / 8) for size in SIZES)
    assert len(spy.told) == len(SIZES) - 1  # after the last epoch there is nothing to choose
    for visited, (active, errors) in zip(epochs_of(rows, SIZES), spy.told, strict=False):
        assert sorted(visited) == active.index.tolist()
        assert visited == errors.index.tolist()
        assert visited != sorted(visited)


def test_the_order_is_another_one_in_each_epoch():
    _, rows = fit_rows(max_epochs=2)
    assert rows[:N_SAMPLES] != rows[N_SAMPLES:]


def test_the_last_share_of_the_run_is_on_all_rows():
    net, rows = fit_rows(policy=ShrinkRecall(t=0.2, alpha=None), max_epochs=10, anneal=0.3)
    assert column(net, "n_active") == [*SIZES[:7], 50, 50, 50]
    annealed = epochs_of(rows, column(net, "n_active"))[-3:]
    assert [sorted(visited) for visited in annealed] == [list(range(N_SAMPLES))] * 3
    assert column(net, "threshold")[6:] == [None] * 4


def test_the_last_share_of_the_visits_is_on_all_rows():
    net, rows = fit_rows(policy=ShrinkRecall(t=0.2, alpha=None), max_visits=5, anneal=0.4)
    # 50 + 40 + 32 + 26 lie in the first 60 % of 250 visits; 21 more would not.
    assert column(net, "n_active")[:6] == [50, 40, 32, 26, 50, 50]
    assert len(rows) == 5 * N_SAMPLES


@pytest.mark.parametrize(
    ("params", "warns"),
    [
        ({"max_epochs": 4}, True),
        ({"max_epochs": 11}, False),
        ({"max_epochs": 4, "anneal": 0.25}, False),
        ({"max_visits": 2.5, "anneal": 0.2}, False),
        ({"max_visits": 0.5}, False),
        ({"max_epochs": 4, "policy": None}, False),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_run_that_ends_on_a_part_of_the_rows_says_so(params, warns):
    net = make_net(**{"policy": ShrinkRecall(t=0.2, alpha=None)} | params)
    message = r"The run ended in mid-cycle, on \d\d of 50 rows.*Set anneal > 0"
    with pytest.warns(ConvergenceWarning, match=message) if warns else nullcontext():
        net.fit(X, Y)


@pytest.mark.parametrize("max_visits", [0.5, 1, 4.32, 13])
@pytest.mark.parametrize("policy", [None, ShrinkRecall(t=0.2, alpha=None)])
def test_max_visits_bounds_the_rows_visited_to_the_row(policy, max_visits):
    net, rows = fit_rows(policy=policy, max_visits=max_visits, max_epochs=1)
    assert len(rows) == max_visits * N_SAMPLES
    last = rows[sum(column(net, "n_active")[:-1]) :]
    assert 0 < len(last) <= net.history[-1, "n_active"]
    assert len(set(last)) == len(last)


@pytest.mark.parametrize("step", STEPS)
def test_full_data_is_no_policy_bit_for_bit(step):
    nets = [make_net(policy=policy, step=step).fit(X, Y) for policy in (None, FullData())]
    assert_same_bits(*nets)
    assert column(nets[0], "train_loss") == column(nets[1], "train_loss")


# Errors


@pytest.mark.parametrize("step", STEPS)
def test_the_policy_is_told_the_errors_of_the_training_pass(step):
    spy = Spy()
    net = make_net(policy=spy, step=step, max_epochs=2).initialize()
    by_hand = deepcopy(net.module_)
    net.partial_fit(X, Y)
    _, told = spy.told[0]
    optimizer = SGD(by_hand.parameters(), lr=0.1)
    expected = []
    for rows in told.index.split(8):
        errors = nn.functional.cross_entropy(
            by_hand(TENSORS[0][rows]), TENSORS[1][rows], reduction="none"
        )
        optimizer.zero_grad()
        errors.mean().backward()
        optimizer.step()
        expected.append(errors.detach())
    torch.testing.assert_close(told.error, torch.cat(expected))
    assert net.history[0, "train_loss"] == pytest.approx(float(told.error.mean()))
    assert (told.batch_size, told.epoch, told.progress) == (8, 1, 0.5)


def test_progress_is_in_visits_where_visits_bound_the_run():
    spy = Spy()
    make_net(policy=spy, max_visits=2.5).fit(X, Y)
    assert [(errors.epoch, errors.progress) for _, errors in spy.told] == [(1, 0.4), (2, 0.8)]


def test_the_table_holds_the_last_error_of_every_row():
    spy = Spy(ShrinkRecall(t=0.2, alpha=None))
    make_net(policy=spy, max_epochs=len(SIZES)).fit(X, Y)
    expected = torch.full((N_SAMPLES,), torch.nan)
    for _, errors in spy.told:
        expected[errors.index] = errors.error
        assert errors.n_samples == N_SAMPLES
        torch.testing.assert_close(errors.last_error, expected, rtol=0, atol=0)
    assert not expected.isnan().any()


@pytest.mark.parametrize("step", STEPS)
def test_rows_of_weight_2_and_0_count_twice_and_not_at_all(step):
    weight = torch.tensor([2.0, 0.0]).repeat(N_SAMPLES // 2)
    spies = [Spy(), Spy()]
    nets = [make_net(policy=spy, step=step, batch_size=N_SAMPLES) for spy in spies]
    nets[0].fit(TensorDataset(*TENSORS, weight))
    nets[1].fit(*(tensor[::2].repeat_interleave(2, 0) for tensor in TENSORS))
    torch.testing.assert_close(weights(nets[0]), weights(nets[1]))
    assert column(nets[0], "train_loss") == pytest.approx(column(nets[1], "train_loss"))
    error, other = (spy.told[0][1].last_error for spy in spies)
    torch.testing.assert_close(error[::2], 2 * other[::2])
    assert (error[1::2] == 0).all()


@pytest.mark.parametrize("step", STEPS)
def test_weights_of_the_policy_are_in_the_loss_but_not_in_the_errors(step):
    weight = torch.linspace(0, 3, N_SAMPLES)
    spy = Spy(Weighted(weight))
    params = {"step": step, "batch_size": N_SAMPLES}
    net = make_net(policy=spy, **params).fit(X, Y)
    same = make_net(**params).fit(TensorDataset(*TENSORS, weight))
    torch.testing.assert_close(weights(net), weights(same))
    expected = nn.functional.cross_entropy(
        make_net().initialize().module_(TENSORS[0]), TENSORS[1], reduction="none"
    )
    torch.testing.assert_close(spy.told[0][1].last_error, expected.detach())
    assert net.history[0, "train_loss"] == pytest.approx(expected.mean().item())


@pytest.mark.parametrize("step", STEPS)
def test_weights_of_the_policy_and_of_the_user_multiply(step):
    own, other = torch.linspace(0, 3, N_SAMPLES), torch.linspace(1, 0.5, N_SAMPLES)
    params = {"step": step, "batch_size": N_SAMPLES}
    spy = Spy(Weighted(other))
    net = make_net(policy=spy, **params).fit(TensorDataset(*TENSORS, own))
    same = make_net(**params).fit(TensorDataset(*TENSORS, own * other))
    torch.testing.assert_close(weights(net), weights(same))
    expected = nn.functional.cross_entropy(
        make_net().initialize().module_(TENSORS[0]), TENSORS[1], reduction="none"
    )
    torch.testing.assert_close(spy.told[0][1].last_error, own * expected.detach())


def test_weights_of_a_policy_that_drops_rows_stay_with_their_rows():
    @dataclass
    class Half(Policy):
        def start(self, n_samples):
            return ActiveSet(torch.arange(0, n_samples, 2), torch.linspace(0, 3, n_samples // 2))

        def update(self, active, epoch, *, generator):
            return active

    weight = torch.linspace(0, 3, N_SAMPLES // 2)
    net = make_net(policy=Half(), batch_size=N_SAMPLES).fit(X, Y)
    kept = [tensor[::2] for tensor in TENSORS]
    same = make_net(batch_size=N_SAMPLES).fit(TensorDataset(*kept, weight))
    torch.testing.assert_close(weights(net), weights(same))


def test_features_may_be_integers():
    module = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(3 * 4, N_CLASSES))
    spy = Spy(ShrinkRecall(t=0.2, alpha=None))
    net = make_net(module, policy=spy).fit(torch.arange(150).view(50, 3) % 5, TENSORS[1])
    assert column(net, "n_active") == SIZES[:4]
    error = spy.told[0][1].error
    assert error.is_floating_point()
    assert net.history[0, "train_loss"] == pytest.approx(float(error.mean()))


@pytest.mark.parametrize("budget", [{"max_epochs": 3}, {"max_visits": 3}])
def test_a_named_schedule_falls_within_epochs_too_whatever_the_step(budget):
    seen = []

    class Noting(SGD):
        def step(self, closure=None):
            seen.append(self.param_groups[0]["lr"])
            return super().step(closure)

    params = budget | {"optimizer": Noting, "lr": 0.5, "batch_size": 5, "lr_schedule": "linear"}
    noting = make_net(**params).fit(X, Y)
    assert seen == pytest.approx([0.5 * (1 - i / 30) for i in range(30)])
    assert noting.history[:, "lr"] == pytest.approx([0.5, 0.5 * 2 / 3, 0.5 / 3])
    dense = make_net(**params | {"optimizer": SGD, "step": "dense"}).fit(X, Y)
    assert dense.history[:, "lr"] == noting.history[:, "lr"]
    for one, other in zip(noting.module_.parameters(), dense.module_.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_float64_stays_float64():
    spy = Spy()
    net = make_net(MLP(N_FEATURES, N_CLASSES).double(), policy=spy, train_split=ValidSplit(5))
    net.fit(X.astype("float64"), Y)
    assert spy.told[0][1].error.dtype == torch.float64
    assert {tensor.dtype for tensor in weights(net).values()} == {torch.float64}


# Errors of the outputs


@dataclass
class WatchesOutputs(FullData):
    """Keeps what it was told of the outputs; needs it or not."""

    asks: bool = True
    told: list = field(default_factory=list)

    @property
    def needs(self):
        return frozenset({"output_error"} if self.asks else ())

    def update(self, active, epoch, *, generator):
        self.told.append(epoch)
        return active


class Asked(ActiveSetNet):
    """Notes whether its steps were asked for errors of the outputs."""

    def _make_step(self, y):
        step = super()._make_step(y)
        self.asked = set()

        def watched(x, y, weight, error, batch_size=None, output_error=None):
            self.asked.add(output_error is not None)
            return step(x, y, weight, error, batch_size, output_error)

        watched.close = step.close
        return watched


class Sees(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


@pytest.mark.parametrize("callbacks", [[], [Sees()]], ids=["unwatched", "watched"])
@pytest.mark.parametrize("needs", [True, False])
@pytest.mark.parametrize("step", STEPS)
def test_a_policy_is_told_the_errors_of_the_outputs_if_it_needs_them(step, needs, callbacks):
    policy = WatchesOutputs(needs)
    net = make_net(cls=Asked, policy=policy, step=step, callbacks=callbacks).fit(X, Y)
    assert net.asked == {needs}
    for epoch in policy.told:
        if needs:
            # Of two classes both go by the probability of the right one.
            expected = (1 - (-epoch.error).exp()).square()
            torch.testing.assert_close(epoch.signals["output_error"], expected)
        else:
            assert not epoch.signals


@pytest.mark.parametrize("callbacks", [[], [Sees()]], ids=["unwatched", "watched"])
@pytest.mark.parametrize("step", STEPS)
def test_errors_of_the_outputs_leave_the_run_as_it_is_bit_for_bit(step, callbacks):
    nets = [
        make_net(policy=WatchesOutputs(needs), step=step, callbacks=callbacks).fit(X, Y)
        for needs in (True, False)
    ]
    assert_same_bits(*nets)
    assert column(nets[0], "train_loss") == column(nets[1], "train_loss")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64], ids=str)
def test_weights_of_the_user_go_with_the_errors_of_the_outputs(dtype):
    policy, weight = WatchesOutputs(), torch.arange(1, N_SAMPLES + 1, dtype=dtype)
    make_net(policy=policy).fit(TensorDataset(*TENSORS, weight))
    for epoch in policy.told:
        assert torch.equal(epoch.sample_weight, weight[epoch.index])
        assert (epoch.signals["output_error"] <= 1).all()
    net = make_net(policy=AutoRecall()).fit(TensorDataset(*TENSORS, weight))
    assert len(net.history) == 4


@pytest.mark.parametrize(
    ("cls", "criterion", "output_activation", "bounded"),
    [
        (ActiveSetNet, nn.CrossEntropyLoss, "identity", True),
        (ActiveSetNet, SquaredError, "sigmoid", False),
        (ActiveSetNetClassifier, SquaredError, "sigmoid", True),
        (ActiveSetNet, SquaredError, "identity", False),
        (ActiveSetNetClassifier, SquaredError, "identity", True),
    ],
)
def test_a_policy_is_told_whether_outputs_are_bounded(cls, criterion, output_activation, bounded):
    policy = WatchesOutputs()
    target = Y if criterion is nn.CrossEntropyLoss else np.eye(2, dtype="f")[Y]
    params = {"criterion": criterion, "module__output_activation": output_activation}
    make_net(cls=cls, policy=policy, **params).fit(X, target)
    assert {epoch.bounded_outputs for epoch in policy.told} == {bounded}


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
    with_threshold = [threshold is not None for threshold in column(net, "threshold")[:-1]]
    assert with_threshold == [after < before for before, after in pairwise(sizes)]


def test_a_policy_without_the_property_needs_no_errors_of_the_outputs():
    class Own:
        def start(self, n_samples):
            return ActiveSet(torch.arange(n_samples))

        def update(self, active, epoch, *, generator):
            assert not epoch.signals
            return active

    assert_same_bits(make_net(policy=Own()).fit(X, Y), make_net().fit(X, Y))


# Randomness and global state


@pytest.mark.parametrize("module", [{}, {"module__dropout": 0.5}])
def test_the_same_random_state_gives_the_same_bits_and_another_one_others(module):
    def fit(random_state, global_seed):
        torch.manual_seed(global_seed)
        np.random.seed(global_seed)
        policy = ShrinkRecall(t=0.2, alpha=None)
        return make_net(policy=policy, random_state=random_state, **module).fit(X, Y)

    net = fit(0, global_seed=1)
    assert_same_bits(net, fit(0, global_seed=2))
    other = fit(1, global_seed=1)
    assert not torch.equal(net.module_.linears[0].weight, other.module_.linears[0].weight)


def test_the_order_of_the_rows_does_not_depend_on_what_else_is_drawn():
    spies = [Spy(), Spy()]
    for spy, dropout in zip(spies, (0.0, 0.5), strict=True):
        make_net(policy=spy, module__dropout=dropout).fit(X, Y)
    orders = [[errors.index.tolist() for _, errors in spy.told] for spy in spies]
    assert orders[0] == orders[1]


def test_a_second_partial_fit_visits_the_rows_in_another_order():
    spy = Spy()
    net = make_net(policy=spy, max_epochs=2).fit(X, Y)
    net.partial_fit(X, Y)
    first, second = (errors.index.tolist() for _, errors in spy.told)
    assert first != second


def test_global_state_is_left_as_it_was():
    torch.set_num_threads(2)

    def state():
        return (
            torch.get_rng_state().tolist(),
            str(np.random.get_state()),
            random.getstate(),
            torch.get_num_threads(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
        )

    before = state()
    make_net(n_threads=1, module__dropout=0.5, train_split=ValidSplit(5)).fit(X, Y).predict(X)
    assert state() == before


@pytest.mark.parametrize("n_threads", [1, 3])
def test_training_uses_the_threads_asked_for(n_threads):
    used = []

    class Threads(Callback):
        def on_epoch_end(self, net, **kwargs):
            used.append(torch.get_num_threads())

    make_net(n_threads=n_threads, callbacks=[Threads()], max_epochs=1).fit(X, Y)
    assert used == [n_threads]


# The record


@pytest.mark.parametrize(
    ("split", "valid"),
    [
        (None, None),
        (ValidSplit(5), None),
        (None, TensorDataset(*TENSORS)),
        (ValidSplit(5), TensorDataset(*TENSORS)),
    ],
)
def test_history_has_one_record_an_epoch_and_none_a_batch(split, valid):
    net = make_net(policy=ShrinkRecall(t=0.2, alpha=None), train_split=split).fit(X, Y, valid=valid)
    keys = {"epoch", "batches", "n_active", "threshold", "train_loss", "lr", "duration"}
    if split or valid:
        keys.add("valid_loss")
    assert [set(record) for record in net.history] == [keys] * 4
    assert not any(any(batches) for batches in column(net, "batches"))
    assert max(map(len, column(net, "batches"))) <= 1
    assert column(net, "epoch") == [1, 2, 3, 4]
    assert column(net, "lr") == [0.1] * 4
    assert all(threshold > 0 for threshold in column(net, "threshold")[:-1])
    assert net.history[-1, "threshold"] is None


def test_verbose_prints_a_row_an_epoch(capsys):
    make_net(verbose=1, max_epochs=3).fit(X, Y)
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert {"epoch", "n_active", "train_loss"} <= set(header.split())
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]


@pytest.mark.parametrize("weight", [None, torch.linspace(0, 2, N_SAMPLES)])
def test_valid_loss_is_the_mean_error_of_the_held_out_rows_after_the_epoch(weight):
    held_out = [tensor[::2] for tensor in (*TENSORS, weight) if tensor is not None]
    net = make_net(module__dropout=0.5).fit(X[1::2], Y[1::2], valid=TensorDataset(*held_out))
    errors = nn.functional.cross_entropy(
        net.module_.eval()(held_out[0]), held_out[1], reduction="none"
    )
    if weight is not None:
        errors = errors * held_out[2]
    assert net.history[-1, "valid_loss"] == pytest.approx(errors.mean().item())


def test_validation_does_not_change_training():
    params = {"module__batch_norm": True, "module__dropout": 0.5}
    nets = [make_net(**params).fit(X, Y, valid=valid) for valid in (None, TensorDataset(*TENSORS))]
    assert_same_bits(*nets)


def test_valid_split_holds_rows_out():
    net = make_net(train_split=ValidSplit(5)).fit(X, Y)
    assert column(net, "n_active") == [40] * 4
    _, held_out = net.get_split_datasets(X, Y)
    rows = held_out.indices
    expected = nn.functional.cross_entropy(net.module_(TENSORS[0][rows]), TENSORS[1][rows])
    assert net.history[-1, "valid_loss"] == pytest.approx(expected.item())


def test_the_schedule_is_in_the_history():
    assert column(make_net(lr_schedule="linear").fit(X, Y), "lr") == pytest.approx(
        [0.1, 0.075, 0.05, 0.025]
    )


@pytest.mark.parametrize("step", STEPS)
def test_a_scheduler_of_torch_is_stepped_once_an_epoch(step):
    schedule = partial(StepLR, step_size=1, gamma=0.5)
    net = make_net(step=step, lr_schedule=schedule).fit(X, Y)
    assert column(net, "lr") == pytest.approx([0.1, 0.05, 0.025, 0.0125])


def test_reduce_on_plateau_is_told_the_validation_loss_where_there_is_one():
    told = []

    class Spying(ReduceLROnPlateau):
        def step(self, loss):
            told.append(loss)
            super().step(loss)

    net = make_net(lr_schedule=Spying).fit(X, Y, valid=TensorDataset(*TENSORS))
    assert told == column(net, "valid_loss")
    net = make_net(lr_schedule=Spying).fit(X, Y)
    assert told[4:] == column(net, "train_loss")


def test_a_second_partial_fit_starts_from_the_initial_rate():
    net = make_net(lr_schedule="linear", max_epochs=2).fit(X, Y)
    net.partial_fit(X, Y)
    assert column(net, "lr") == pytest.approx([0.1, 0.05, 0.1, 0.05])


def test_a_rate_set_between_two_partial_fits_is_used():
    net = make_net(max_epochs=1).fit(X, Y)
    net.set_params(lr=0.01).partial_fit(X, Y)
    assert column(net, "lr") == pytest.approx([0.1, 0.01])


# Callbacks


class Notified(ActiveSetNet):
    """Notes what it is notified of."""

    def notify(self, method_name, **kwargs):
        vars(self).setdefault("names", []).append(method_name)
        super().notify(method_name, **kwargs)


class SeesBatchBegin(Callback):
    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        pass


class SeesBatchEnd(Callback):
    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        pass


class SeesGradients(Callback):
    def on_grad_computed(self, net, named_parameters, **kwargs):
        pass


@pytest.mark.parametrize(
    ("callbacks", "n_batch", "n_grad"),
    [
        ([], 0, 0),
        ([Callback()], 0, 0),
        ([SeesBatchBegin()], 14, 0),
        ([SeesBatchEnd()], 14, 0),
        ([SeesGradients()], 0, 14),
        ([SeesGradients(), SeesBatchEnd()], 14, 14),
    ],
)
def test_batch_hooks_are_called_if_a_callback_overrides_one(callbacks, n_batch, n_grad):
    net = make_net(cls=Notified, callbacks=callbacks, max_epochs=2).fit(X, Y)
    counts = {name: net.names.count(name) for name in set(net.names)}
    assert counts.get("on_batch_begin", 0) == n_batch
    assert counts.get("on_batch_end", 0) == n_batch
    assert counts.get("on_grad_computed", 0) == n_grad
    for name in ("on_train_begin", "on_train_end"):
        assert counts[name] == 1
    for name in ("on_epoch_begin", "on_epoch_end"):
        assert counts[name] == 2


@dataclass
class BatchLog(Callback):
    """Keeps what on_batch_end is told, as skorch's caching EpochScoring does: without copies."""

    ends: list = field(default_factory=list)

    def on_batch_end(self, net, batch, training, loss, y_pred, **kwargs):
        self.ends.append((batch, training, loss, y_pred))

    def of(self, training):
        return [(x, y, loss, y_pred) for (x, y), t, loss, y_pred in self.ends if t is training]


@pytest.mark.parametrize("step", STEPS)
def test_on_batch_end_is_told_batch_loss_and_output(step, monkeypatch):
    monkeypatch.setattr(_batches, "CHUNK_BYTES", 1)  # a buffer is filled anew for each batch
    log = BatchLog()
    net = make_net(step=step, callbacks=[log], max_epochs=1)
    initial = deepcopy(net.initialize().module_)
    net.partial_fit(X, Y)
    x, y, loss, y_pred = log.of(training=True)[0]
    torch.testing.assert_close(y_pred, initial(x).detach())
    torch.testing.assert_close(loss, nn.functional.cross_entropy(y_pred, y))
    for _, y, loss, y_pred in log.of(training=True):
        torch.testing.assert_close(loss, nn.functional.cross_entropy(y_pred, y))
    visited = torch.cat([x for x, *_ in log.of(training=True)])
    assert sorted(visited.tolist()) == sorted(X.tolist())
    losses = [float(loss) * len(x) for x, _, loss, _ in log.of(training=True)]
    assert sum(losses) / N_SAMPLES == pytest.approx(net.history[-1, "train_loss"])


def test_on_batch_end_is_told_the_weighted_loss():
    log, weight = BatchLog(), torch.linspace(0, 3, N_SAMPLES)
    net = make_net(callbacks=[log], max_epochs=1).fit(TensorDataset(*TENSORS, weight))
    losses = [float(loss) * len(x) for x, _, loss, _ in log.of(training=True)]
    assert sum(losses) / N_SAMPLES == pytest.approx(net.history[-1, "train_loss"])


def test_on_batch_end_is_told_of_validation():
    log = BatchLog()
    net = make_net(callbacks=[log], max_epochs=1, train_split=ValidSplit(5)).fit(X, Y)
    [(x, y, loss, y_pred)] = log.of(training=False)
    torch.testing.assert_close(y_pred, net.module_(x).detach())
    assert float(loss) == pytest.approx(net.history[-1, "valid_loss"])
    assert len(x) == len(y) == 10


def test_gradients_can_be_looked_at_and_changed():
    names = []

    class Stop(Callback):
        def on_grad_computed(self, net, named_parameters, batch, training, **kwargs):
            for name, parameter in named_parameters:
                names.append(name)
                assert parameter.grad.abs().sum() > 0
                parameter.grad.zero_()

    module = {"module__activation": "tanh"}
    net = make_net(callbacks=[Stop()], **module).fit(X, Y)
    assert_same_bits(net, make_net(**module).initialize())
    assert len(names) == 4 * 7 * 4  # epochs, batches, weights and biases


def test_gradient_norm_clipping_bounds_the_steps():
    def moved(callbacks):
        net = make_net(callbacks=callbacks, max_epochs=1).initialize()
        before = weights(net)
        net.partial_fit(X, Y)
        return math.hypot(*((a - before[name]).norm() for name, a in weights(net).items()))

    bound = 7 * 0.1 * 1e-3  # batches, learning rate, norm
    assert 0 < moved([GradientNormClipping(1e-3)]) <= bound * (1 + 1e-4)
    assert moved([]) > 10 * bound


def test_frozen_layers_are_not_trained():
    net = make_net(callbacks=[Freezer("linears.0.*")]).initialize()
    before = weights(net)
    net.partial_fit(X, Y)
    assert torch.equal(net.module_.linears[0].weight, before["linears.0.weight"])
    assert torch.equal(net.module_.linears[0].bias, before["linears.0.bias"])
    assert not torch.equal(net.module_.linears[1].weight, before["linears.1.weight"])


def accuracy(net, X, y):
    return float(np.mean(net.predict_proba(X).argmax(1) == np.asarray(y)))


@pytest.mark.parametrize("use_caching", [True, False])
@pytest.mark.parametrize("on_train", [True, False])
def test_epoch_scoring_scores(on_train, use_caching):
    scoring = EpochScoring(
        accuracy, name="score", lower_is_better=False, on_train=on_train, use_caching=use_caching
    )
    # At a rate of zero the outputs in the training pass are those afterwards.
    net = make_net(callbacks=[scoring], train_split=ValidSplit(5), lr=0.0, max_epochs=2).fit(X, Y)
    rows = net.get_split_datasets(X, Y)[0 if on_train else 1].indices
    assert column(net, "score") == pytest.approx([accuracy(net, X[rows], Y[rows])] * 2)
    assert column(net, "score_best") == [True, False]


def test_epoch_scoring_scores_more_rows_than_are_gathered_at_a_time(monkeypatch):
    monkeypatch.setattr(_batches, "CHUNK_BYTES", 1)
    scoring = EpochScoring(accuracy, name="score", on_train=True)
    net = make_net(callbacks=[scoring], lr=0.0).fit(X, Y)
    assert net.history[-1, "score"] == pytest.approx(accuracy(net, X, Y))


def test_checkpoints_are_saved(tmp_path):
    net = make_net(callbacks=[Checkpoint(monitor=None, dirname=tmp_path)]).fit(X, Y)
    other = make_net().initialize()
    other.load_params(tmp_path / "params.pt")
    assert_same_bits(net, other)


def test_early_stopping_stops_silently_and_loads_the_best_weights():
    # The loss falls, so that by this monitor the first epoch is the best.
    stopping = EarlyStopping("train_loss", patience=2, lower_is_better=False, load_best=True)
    net = make_net(callbacks=[stopping], max_epochs=20).fit(X, Y)
    assert column(net, "epoch") == [1, 2, 3]
    assert_same_bits(net, make_net(max_epochs=1).fit(X, Y))


# Prediction


@pytest.mark.parametrize("n_samples", [1, 1024, 1500])
def test_predictions_are_the_output_of_the_module(n_samples):
    net = make_net(policy=AutoRecall(), module__dropout=0.5).fit(X, Y)
    new, _ = make_data(n_samples)
    expected = net.module_.eval()(torch.from_numpy(new)).detach()
    torch.testing.assert_close(net.forward(new), expected)
    probabilities = expected.softmax(1).numpy()
    np.testing.assert_allclose(net.predict_proba(new), probabilities, rtol=1e-5)
    np.testing.assert_allclose(net.predict(new), probabilities, rtol=1e-5)


def test_regression_predicts_outputs():
    target = np.column_stack([X[:, 0], X[:, 1]])
    net = make_net(criterion=SquaredError, max_epochs=60).fit(X, target)
    assert np.mean((net.predict(X) - target) ** 2) < 0.3 * np.mean(target**2)


# What goes wrong


def diverging(epoch):
    """A schedule that is harmless up to the given epoch, and not after."""
    return partial(LambdaLR, lr_lambda=lambda done: 1.0 if done < epoch - 1 else 1e21)


@pytest.mark.parametrize(
    "params", [{"step": "dense"}, {"step": "autograd"}, {"module__batch_norm": True}]
)
def test_divergence_raises_and_restores_the_weights_from_before_the_epoch(params):
    params |= {"policy": ShrinkRecall(t=0.2, alpha=None), "optimizer__momentum": 0.5}
    net = make_net(lr_schedule=diverging(3), **params)
    with pytest.raises(FloatingPointError, match=r"in epoch 3, at a learning rate of 1e\+20.*Try"):
        net.fit(X, Y)
    assert column(net, "epoch") == [1, 2]
    assert_same_bits(net, make_net(max_epochs=2, **params).fit(X, Y))
    assert np.isfinite(net.predict(X)).all()


def test_divergence_in_the_first_epoch_leaves_the_initial_weights():
    net = make_net(lr=1e20)
    with pytest.raises(FloatingPointError, match=r"in epoch 1, at a learning rate of 1e\+20"):
        net.fit(X, Y)
    assert len(net.history) == 0
    assert_same_bits(net, make_net().initialize())


def test_data_that_are_not_finite_are_reported_as_divergence():
    spoilt = X.copy()
    spoilt[3, 1] = np.nan
    with pytest.raises(FloatingPointError, match="StandardScaler"):
        make_net().fit(spoilt, Y)


def test_after_a_divergence_a_smaller_rate_helps():
    net = make_net(lr=1e20, optimizer__momentum=0.9)
    with pytest.raises(FloatingPointError, match="Try a smaller lr"):
        net.fit(X, Y)
    net.set_params(lr=0.1).partial_fit(X, Y)
    assert column(net, "lr") == [0.1] * 4


class Interrupted(nn.Linear):
    """A linear net in whose forward the user presses Ctrl-C."""

    def __init__(self, at):
        super().__init__(N_FEATURES, N_CLASSES)
        self.calls_left = at

    def forward(self, x):
        self.calls_left -= 1
        if not self.calls_left:
            raise KeyboardInterrupt
        return super().forward(x)


@pytest.mark.parametrize(("at", "n_complete"), [(1, 0), (7, 0), (8, 1), (18, 2)])
def test_an_interrupted_fit_warns_and_keeps_complete_epochs(at, n_complete):
    net = make_net(Interrupted, module__at=at)
    with pytest.warns(UserWarning, match=f"interrupted after {n_complete} complete epochs"):
        net.fit(X, Y)
    assert [record["epoch"] for record in net.history] == list(range(1, n_complete + 1))
    assert all("train_loss" in record for record in net.history)
    assert net.predict(X).shape == (N_SAMPLES, N_CLASSES)
    net.partial_fit(X, Y)
    assert len(net.history) == n_complete + 4


def test_an_interrupted_fit_gives_back_threads_and_random_state():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    with pytest.warns(UserWarning, match="interrupted"):
        make_net(Interrupted, module__at=3, n_threads=threads + 1).fit(X, Y)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_epoch_end"])
def test_a_callback_can_stop_the_run_silently_between_epochs(hook):
    def stop(self, net, **kwargs):
        if len(net.history) == 3:
            raise KeyboardInterrupt

    net = make_net(callbacks=[type("Stop", (Callback,), {hook: stop})()]).fit(X, Y)
    assert len(column(net, "train_loss")) == {"on_epoch_begin": 2, "on_epoch_end": 3}[hook]


class Failure(Exception):
    """Somebody else's."""


FAILURE = Failure("on purpose")
COMPLETE = {"epoch", "batches", "n_active", "threshold", "train_loss", "lr", "duration"}


def failing(place):
    """Return settings of a net in which FAILURE is raised in the third epoch."""
    calls = 0

    def fail(in_call):
        nonlocal calls
        calls += 1
        if calls == in_call:
            raise FAILURE

    class Module(nn.Linear):
        def forward(self, x):
            fail(2 * 7 + 4) if self.training else None
            return super().forward(x)

    class Criterion(nn.CrossEntropyLoss):
        def forward(self, output, target):
            fail(2 * 7 + 4)
            return super().forward(output, target)

    class Update(FullData):
        def update(self, active, epoch, *, generator):
            fail(3)
            return active

    class Scheduler(LambdaLR):
        def __init__(self, optimizer):
            super().__init__(optimizer, lambda epoch: 0.5)

        def step(self, epoch=None):
            fail(1 + 3)  # it steps when it is made
            super().step()

    if place == "module":
        return {"module": Module, "module__in_features": N_FEATURES, "module__out_features": 2}
    if place == "criterion":
        return {"criterion": Criterion}
    if place == "policy":
        return {"policy": Update()}
    if place == "lr_schedule":
        return {"lr_schedule": Scheduler}
    in_call = 3 if "epoch" in place else 2 * 7 + 4
    hook = {place: lambda self, net, *args, **kwargs: fail(in_call)}
    return {"callbacks": [type("Failing", (Callback,), hook)()]}


PLACES = {
    "module": [1, 2],
    "criterion": [1, 2],
    "policy": [1, 2],
    "on_epoch_begin": [1, 2],
    "on_batch_begin": [1, 2],
    "on_grad_computed": [1, 2],
    "on_batch_end": [1, 2],
    "on_epoch_end": [1, 2, 3],
}


@pytest.mark.parametrize("place", [*PLACES, "lr_schedule"])
def test_an_error_comes_out_as_it_was_raised_and_history_has_complete_epochs(place):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    net = make_net(**{"lr_schedule": "linear", "n_threads": threads + 1} | failing(place))
    with pytest.raises(Failure) as raised:
        net.fit(X, Y)
    assert raised.value is FAILURE
    assert FAILURE.__cause__ is None
    assert [set(record) for record in net.history] == [COMPLETE] * len(net.history)
    assert [record["epoch"] for record in net.history] in (PLACES.get(place, [1, 2]), [1, 2, 3])
    if place in PLACES:
        assert len(net.history) == len(PLACES[place])
    assert [group["lr"] for group in net.optimizer_.param_groups] == [0.1]
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert net.predict(X).shape == (N_SAMPLES, N_CLASSES)
    net.partial_fit(X, Y, epochs=1)
    assert [set(record) for record in net.history] == [COMPLETE] * len(net.history)


@pytest.mark.parametrize("hook", ["on_batch_begin", "on_batch_end", "on_grad_computed"])
def test_an_interrupt_in_mid_epoch_warns_with_the_number_of_complete_epochs(hook):
    batches = []

    def interrupt(self, net, *args, **kwargs):
        batches.append(len(net.history))
        if len(batches) == 2 * 7 + 4:
            raise KeyboardInterrupt

    net = make_net(callbacks=[type("Interrupt", (Callback,), {hook: interrupt})()])
    with pytest.warns(UserWarning, match="interrupted after 2 complete epochs"):
        net.fit(X, Y)
    assert [set(record) for record in net.history] == [COMPLETE] * 2
    assert column(net, "epoch") == [1, 2]


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


# Shapes of data


@pytest.mark.parametrize("data", [Dataset(X, Y), TensorDataset(*TENSORS)])
def test_a_subset_is_fitted_as_its_rows(data):
    rows = [5, 3, 40, 8, 21, 30, 11, 12, 2, 0]
    net = make_net().fit(Subset(data, rows))
    assert_same_bits(net, make_net().fit(X[rows], Y[rows]))


def test_a_batch_size_above_the_number_of_rows_is_one_batch():
    net, _ = fit_rows(batch_size=1000, max_epochs=2)
    assert list(map(len, net.module_.batches)) == [N_SAMPLES] * 2
    same = make_net(batch_size=1000).fit(X, Y)
    assert_same_bits(same, make_net(batch_size=N_SAMPLES).fit(X, Y))


def test_batch_norm_takes_a_last_batch_of_one_row():
    net = make_net(batch_size=7, module__batch_norm=True).fit(X, Y)
    assert N_SAMPLES % 7 == 1
    assert np.isfinite(net.predict(X)).all()
    assert column(net, "n_active") == [N_SAMPLES] * 4


@pytest.mark.parametrize("step", ["auto", "autograd"])
def test_batch_norm_of_torchs_own_leaves_a_last_row_for_another_epoch(step):
    module = nn.Sequential(nn.BatchNorm1d(N_FEATURES), nn.Linear(N_FEATURES, N_CLASSES))
    spy = Spy()
    net = make_net(module, policy=spy, batch_size=7, step=step, max_epochs=8).fit(X, Y)
    assert column(net, "n_active") == [N_SAMPLES - 1] * 8
    left_out = [set(range(N_SAMPLES)) - set(errors.index.tolist()) for _, errors in spy.told]
    assert len(set.union(*left_out)) > 1


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
    assert {errors.error.dtype for _, errors in spy.told} == {torch.float32}
    assert {tensor.dtype for tensor in weights(net).values()} == {torch.float32}


def test_autocast_takes_no_dense_step():
    nets = [
        make_net(step=step, autocast=autocast).fit(X, Y)
        for step, autocast in (("auto", torch.bfloat16), ("autograd", torch.bfloat16))
    ]
    assert_same_bits(*nets)
    torch.testing.assert_close(weights(nets[0]), weights(make_net().fit(X, Y)), rtol=0.1, atol=0.02)
    assert not torch.equal(
        nets[0].module_.linears[0].weight, make_net().fit(X, Y).module_.linears[0].weight
    )


def test_one_row_can_be_fitted():
    net = make_net(policy=AutoRecall()).fit(X[:1], Y[:1])
    assert column(net, "n_active") == [1] * 4


@pytest.mark.parametrize("optimizer", [SGD, Adam, AdamW])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_dense_and_autograd_nets_are_the_same(optimizer, activation):
    params = {"policy": ShrinkRecall(t=0.2, alpha=None), "optimizer": optimizer, "lr": 0.01}
    params |= {"module__activation": activation, "max_epochs": 6}
    nets = [make_net(step=step, **params).fit(X, Y) for step in STEPS]
    torch.testing.assert_close(weights(nets[0]), weights(nets[1]), rtol=1e-4, atol=1e-5)
    assert column(nets[0], "n_active") == column(nets[1], "n_active")


def test_a_dense_step_that_does_not_apply_is_refused():
    with pytest.raises(ValueError, match="DenseStep takes plain MLPs"):
        make_net(step="dense", module__batch_norm=True).fit(X, Y)


def test_a_dense_step_is_refused_to_whoever_asks_for_gradients():
    with pytest.raises(ValueError, match="step"):
        make_net(step="dense", callbacks=[GradientNormClipping(1.0)]).fit(X, Y)


@pytest.mark.parametrize(
    ("name", "value"),
    [("step", "other"), ("lr_schedule", "other"), ("anneal", 2), ("max_visits", 0)],
)
def test_parameters_out_of_their_range_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*, however: {name}={value!r}"):
        make_net(**{name: value}).fit(X, Y)


def test_targets_may_be_probabilities():
    target = torch.stack([1 - TENSORS[1] / 2, TENSORS[1] / 2], dim=1)
    net = make_net(max_epochs=1, batch_size=N_SAMPLES).fit(X, target)
    expected = nn.functional.cross_entropy(make_net().initialize().module_(TENSORS[0]), target)
    assert net.history[-1, "train_loss"] == pytest.approx(expected.item())


# Cost


class HostSyncs(TorchDispatchMode):
    """Counts what item(), float(), int() and bool() of a tensor come down to, and tolist()."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.count = 0
        tolist = torch.Tensor.tolist

        def counted(tensor):
            self.count += 1
            return tolist(tensor)

        monkeypatch.setattr(torch.Tensor, "tolist", counted)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("momentum", [0, 0.9])
@pytest.mark.parametrize("step", STEPS)
def test_host_syncs_are_a_matter_of_epochs_and_not_of_batches(step, momentum, monkeypatch):
    counts = []
    for batch_size in (N_SAMPLES, 1):
        net = make_net(step=step, batch_size=batch_size, optimizer__momentum=momentum)
        with monkeypatch.context() as patch, HostSyncs(patch) as syncs:
            net.fit(X, Y)
        counts.append(syncs.count)
    assert counts[0] == counts[1]
    assert 0 < counts[0] <= 4 * net.max_epochs


@pytest.mark.parametrize("alpha", [None, 0.5])
@pytest.mark.parametrize("step", STEPS)
def test_host_syncs_of_shrinking_are_few_an_epoch(step, alpha, monkeypatch):
    net = make_net(step=step, batch_size=1, policy=AutoRecall(alpha=alpha))
    with HostSyncs(monkeypatch) as syncs:
        net.fit(X, Y)
    assert 0 < syncs.count <= 12 * net.max_epochs < sum(column(net, "n_active"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("step", STEPS)
def test_the_batch_loop_does_not_wait_for_the_gpu(step, monkeypatch):
    n_rows = 0

    class StrictGather(_batches.Gather):
        def __call__(self, rows):
            nonlocal n_rows
            torch.cuda.set_sync_debug_mode("error")
            try:
                for part in super().__call__(rows):
                    n_rows += len(part[0])
                    yield part
            finally:
                torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(_rows, "Gather", StrictGather)
    net = make_net(step=step, device="cuda", policy=AutoRecall()).fit(X, Y)
    assert n_rows == sum(column(net, "n_active"))


# Copies


def test_a_clone_has_the_same_parameters_and_gives_the_same_bits():
    net = make_net(policy=AutoRecall(s=0.3), lr_schedule="linear", anneal=0.1, max_visits=3)
    twin = clone(net)
    for name in ("lr_schedule", "anneal", "max_visits", "random_state", "step", "n_threads"):
        assert getattr(twin, name) == getattr(net, name)
    assert twin.policy == net.policy
    assert twin.policy is not net.policy
    assert_same_bits(net.fit(X, Y), twin.fit(X, Y))


@pytest.mark.parametrize("copy", [deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_a_copy_of_a_fitted_net_predicts_and_trains_on_as_it_would(copy, optimizer):
    net = make_net(policy=AutoRecall(), optimizer=optimizer, lr_schedule="linear").fit(X, Y)
    twin = copy(net)
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))
    assert twin.history == net.history
    assert_same_bits(twin.partial_fit(X, Y), net.partial_fit(X, Y))


def test_the_pickle_of_a_fitted_net_holds_no_training_data():
    def size(n_samples):
        net = make_net(policy=AutoRecall(), optimizer=Adam, train_split=ValidSplit(5))
        return len(pickle.dumps(net.fit(*make_data(n_samples))))

    assert size(5000) - size(N_SAMPLES) < 100  # larger numbers in the history
