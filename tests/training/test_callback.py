import pickle
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn
from torch.nn.functional import cross_entropy, one_hot
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset, IterableDataset, SequentialSampler

from sk_sdlr.policies import (
    ActiveSet,
    AutoRecall,
    EpochReport,
    FullData,
    Policy,
    RandomSubset,
    ShrinkRecall,
)
from sk_sdlr.training import ActiveSetNet, _callback_errors
from sk_sdlr.training._callback import ActiveRows, PolicyCallback

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")

N_SAMPLES, N_FEATURES, N_CLASSES = 50, 3, 2
SIZES = [50, 40, 32, 26, 21, 17, 14, 12, 10, 8, 50, 40]  # s = t = 0.2, Algorithm 3
BATCH_SIZE = 8
WORKERS = [
    {},
    {"iterator_train__num_workers": 2},
    {"iterator_train__num_workers": 2, "iterator_train__persistent_workers": True},
]
WORKER_NAMES = ["in the process", "workers", "persistent workers"]


def make_data(n_samples=N_SAMPLES):
    """Column 0 of the features numbers the rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, N_FEATURES)).astype("float32")
    y = (X[:, 0] + rng.normal(size=n_samples) > 0).astype("int64")
    return np.column_stack([np.arange(n_samples, dtype="float32"), X]), y


X, Y = make_data()


class Rows(nn.Module):
    """A net that notes the rows it is trained on, and what it made of them."""

    def __init__(self, n_outputs=N_CLASSES, dropout=0.0):
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(dropout), nn.Linear(N_FEATURES, n_outputs))
        self.batches, self.outputs = [], []

    def forward(self, x):
        output = self.layers(x[:, 1:])
        if self.training:
            self.batches.append(x[:, 0].long().tolist())
            self.outputs.append(output.detach().clone())
        return output


class Probabilities(Rows):
    def forward(self, x):
        return super().forward(x).softmax(1)


def make_net(policy=None, anneal=0.0, cls=NeuralNetClassifier, module=Rows, **params):
    """A net that starts from the same weights and random numbers; no policy: no callback."""
    torch.manual_seed(0)
    mine = [] if policy is None else [PolicyCallback(policy, anneal)]
    defaults = {
        "criterion": nn.CrossEntropyLoss,
        "max_epochs": 4,
        "lr": 0.1,
        "batch_size": BATCH_SIZE,
        "train_split": None,
        "verbose": 0,
    }
    callbacks = mine + params.pop("callbacks", [])
    return cls(module, **defaults | params, callbacks=callbacks)


def column(net, name):
    return net.history[:, name]


def rows_of(net):
    return list(chain.from_iterable(net.module_.batches))


def epochs_of(net):
    """The rows in the order visited, by epochs."""
    rows, ends = rows_of(net), np.cumsum(column(net, "n_active"))
    assert len(rows) == ends[-1]
    return [rows[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def weights(net):
    return {name: tensor.clone() for name, tensor in net.module_.state_dict().items()}


def assert_same_bits(a, b):
    torch.testing.assert_close(weights(a), weights(b), rtol=0, atol=0)


def shrinking(**params):
    return ShrinkRecall(**{"t": 0.2, "alpha": None} | params)


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
        # The table is the callback's own and goes on changing.
        self.told.append(replace(epoch, last_error=epoch.last_error.clone()))
        return self.policy.update(active, epoch, generator=generator)


class Watch(Callback):
    """Calls a function of the net in one of the hooks."""

    def __init__(self, hook, function):
        self.hook = hook
        self.function = function
        setattr(self, hook, self._call)

    def _get_param_names(self):
        return ["hook", "function"]

    def _call(self, net, *args, **kwargs):
        self.function(net)


def at_batch(number, error):
    """A callback that raises an error in mid-epoch, once."""
    count = iter(range(10**6))

    def raise_error(net):
        if next(count) == number:
            raise error

    return Watch("on_batch_begin", raise_error)


# Which rows are visited


def test_sizes_of_the_active_set_are_those_of_algorithm_3():
    X, y = make_data(1000)
    net = make_net(shrinking(), max_epochs=10, batch_size=100).fit(X, y)
    sizes = [1000, 800, 640, 512, 410, 328, 263, 211, 169, 1000]
    assert column(net, "n_active") == sizes
    assert [len(set(visited)) for visited in epochs_of(net)] == sizes


def test_a_batch_is_one_forward_pass():
    net = make_net(shrinking(), max_epochs=len(SIZES)).fit(X, Y)
    assert column(net, "n_active") == SIZES
    per_epoch = [-(-size // BATCH_SIZE) for size in SIZES]
    assert column(net, "train_batch_count") == per_epoch
    assert len(net.module_.batches) == sum(per_epoch)


@pytest.mark.parametrize("shuffle", [None, False, True])
@pytest.mark.parametrize("split", [None, ValidSplit(5)], ids=["all", "split"])
@pytest.mark.parametrize("workers", WORKERS, ids=WORKER_NAMES)
def test_the_policy_is_told_the_rows_of_the_batches_and_their_errors(workers, split, shuffle):
    if shuffle is not None:
        workers = workers | {"iterator_train__shuffle": shuffle}
    spy = Spy(shrinking(s=0.3))
    net = make_net(spy, train_split=split, max_epochs=3, **workers).fit(X, Y)
    first = 0 if split is None else 10  # KFold takes the first rows for validation
    sizes = [50, 35, 25] if split is None else [40, 28, 20]
    assert column(net, "n_active") == sizes
    assert rows_of(net) == [first + row for told in spy.told for row in told.index.tolist()]
    expected = cross_entropy(
        torch.cat(net.module_.outputs), torch.from_numpy(Y)[rows_of(net)], reduction="none"
    )
    torch.testing.assert_close(torch.cat([told.error for told in spy.told]), expected)
    for visited, told in zip(epochs_of(net), spy.told, strict=True):
        assert (visited == sorted(visited)) is (not shuffle)
        assert len(set(visited)) == len(visited) == told.index.shape[0]


def test_the_next_epoch_visits_what_the_policy_returned():
    net = make_net(spy := Spy(shrinking(s=0.3)), max_epochs=3).fit(X, Y)
    for told, visited in zip(spy.told, epochs_of(net)[1:], strict=False):
        kept = told.error.argsort(descending=True)[: len(visited)]
        assert visited == sorted(told.index[kept].tolist())


def test_the_policy_is_told_how_far_the_run_is():
    net = make_net(spy := Spy(shrinking(s=0.3)), max_epochs=4).fit(X, Y)
    assert [told.epoch for told in spy.told] == [1, 2, 3, 4]
    assert [told.progress for told in spy.told] == [0.25, 0.5, 0.75, 1]
    assert {told.batch_size for told in spy.told} == {BATCH_SIZE}
    known = torch.full((N_SAMPLES,), torch.nan)
    for told in spy.told:
        known[told.index] = told.error
        torch.testing.assert_close(told.last_error, known, equal_nan=True)
    net.partial_fit(X, Y)
    assert [told.epoch for told in spy.told[4:]] == [1, 2, 3, 4]


def test_rows_never_visited_have_no_last_error():
    @dataclass
    class Two(Policy):
        def start(self, n_samples):
            return ActiveSet(torch.tensor([3, 7]))

        def update(self, active, epoch, *, generator):
            return active

    make_net(spy := Spy(Two()), max_epochs=1).fit(X, Y)
    assert torch.isfinite(spy.told[0].last_error).nonzero().flatten().tolist() == [3, 7]


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ({"batch_size": -1}, N_SAMPLES),
        ({"iterator_train__batch_size": 7}, 7),
        ({"iterator_train__batch_size": -1}, N_SAMPLES),
    ],
)
def test_the_batch_size_is_that_of_the_loader(params, size):
    net = make_net(spy := Spy(), **params).fit(X, Y)
    assert {told.batch_size for told in spy.told} == {size}
    assert len(net.module_.batches[0]) == size


@pytest.mark.parametrize(("anneal", "n_before"), [(0, 10), (0.3, 7), (0.8, 2), (1, 0)])
def test_the_last_share_of_the_epochs_is_on_all_rows(anneal, n_before):
    net = make_net(shrinking(), anneal=anneal, max_epochs=10).fit(X, Y)
    assert column(net, "n_active") == SIZES[:n_before] + [50] * (10 - n_before)
    thresholds = column(net, "threshold")
    n_chosen = 9 if anneal == 0 else max(0, n_before - 1)  # the tenth set is the recall
    assert all(threshold > 0 for threshold in thresholds[:n_chosen])
    assert thresholds[n_chosen:] == [None] * (10 - n_chosen)


def test_by_default_a_tenth_is_annealed():
    assert PolicyCallback(FullData()).anneal == 0.1


def test_history_is_that_of_an_active_set_net():
    y = np.zeros(N_SAMPLES, dtype="int64")
    stock = make_net(shrinking(), anneal=0.25, lr=0).fit(X, y)
    linear = deepcopy(stock.module_)
    own = ActiveSetNet(
        linear, nn.CrossEntropyLoss, policy=shrinking(), anneal=0.25, lr=0, max_epochs=4, verbose=0
    ).fit(X, y)
    assert column(stock, "n_active") == column(own, "n_active")
    assert column(stock, "threshold") == pytest.approx(column(own, "threshold"))


def test_more_epochs_than_max_epochs_are_progress_1():
    net = make_net(spy := Spy(shrinking()), max_epochs=2).initialize()
    net.partial_fit(X, Y, epochs=4)
    assert [told.progress for told in spy.told] == [0.5, 1, 1, 1]
    net = make_net(shrinking(), anneal=0.5, max_epochs=2).initialize().partial_fit(X, Y, epochs=4)
    assert column(net, "n_active") == [50, 50, 50, 50]


# Random numbers


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    "policy",
    [ShrinkRecall(s=0, t=0.2), AutoRecall(s=0), FullData()],
    ids=["s=0", "outputs", "FullData"],
)
def test_a_policy_that_drops_nothing_leaves_the_training_as_it_is_bit_for_bit(policy, shuffle):
    params = {"iterator_train__shuffle": shuffle, "module__dropout": 0.5, "train_split": None}
    stock = make_net(None, **params).fit(X, Y)
    mine = make_net(policy, **params).fit(X, Y)
    assert rows_of(stock) == rows_of(mine)
    assert_same_bits(stock, mine)
    assert column(stock, "train_loss") == column(mine, "train_loss")


def test_rows_are_shuffled_by_the_generator_of_the_loader():
    def fit(policy):
        generator = torch.Generator().manual_seed(3)
        params = {"iterator_train__shuffle": True, "iterator_train__generator": generator}
        return rows_of(make_net(policy, **params).fit(X, Y))

    assert fit(None) == fit(FullData())


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_seed_of_torch_decides_and_nothing_else(shuffle):
    net = make_net(RandomSubset(shrinking()), iterator_train__shuffle=shuffle)
    rows = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        rows.append(rows_of(net.fit(X, Y)))
    rows.append(rows_of(net.fit(X, Y)))
    assert rows[0] == rows[1]
    assert rows[1] != rows[2] != rows[3]


def test_the_policy_has_other_random_numbers_than_the_workers():
    seeds = []

    class Seeds(Policy):
        def update(self, active, epoch, *, generator):
            seeds.append(generator.initial_seed())
            return active

    make_net(Seeds(), max_epochs=1).fit(X, Y)
    make_net(None).initialize()
    base_seed = int(torch.empty((), dtype=torch.int64).random_())  # which DataLoader draws
    assert seeds[0] % 2**32 not in {(base_seed + worker) % 2**32 for worker in range(1000)}


# Errors of nets and losses of all kinds


class LogNet(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, X=None, **kwargs):
        assert X.shape[0] == y_true.shape[0]
        return 2 * super().get_loss(y_pred, y_true, X=X, **kwargs)


def test_the_loss_is_the_nets_own():
    # NeuralNetClassifier takes the logarithm of what NLLLoss gets.
    net = make_net(spy := Spy(), cls=LogNet, module=Probabilities, criterion=nn.NLLLoss)
    net.fit(X, Y)
    outputs, y = torch.cat(net.module_.outputs), torch.from_numpy(Y)[rows_of(net)]
    expected = 2 * cross_entropy(outputs, y, reduction="none")
    torch.testing.assert_close(torch.cat([told.error for told in spy.told]), expected)


def test_several_values_a_row_are_averaged():
    y = np.column_stack([X[:, 1], X[:, 2]])
    params = {"cls": NeuralNetRegressor, "criterion": nn.MSELoss, "max_epochs": 1}
    net = make_net(spy := Spy(), **params).fit(X, y)
    expected = (torch.cat(net.module_.outputs) - torch.from_numpy(y)).square().mean(1)
    torch.testing.assert_close(spy.told[0].error, expected)


def test_a_loss_of_more_values_than_rows_is_an_error():
    class Net(NeuralNetClassifier):
        def get_loss(self, *args, **kwargs):
            loss = super().get_loss(*args, **kwargs)
            return loss.repeat(3) if loss.dim() else loss

    with pytest.raises(ValueError, match=r"gives shape \(24,\) for a batch of 8 rows"):
        make_net(Spy(), cls=Net).fit(X, Y)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_criterion_is_left_as_it_was(reduction):
    class Net(NeuralNetClassifier):
        def get_loss(self, *args, **kwargs):
            seen.append(self.criterion_.reduction)
            return super().get_loss(*args, **kwargs).mean()

    seen = []
    net = make_net(Spy(), cls=Net, criterion__reduction=reduction)
    with pytest.raises(ValueError, match=r"get_loss must give a value a row.*shape \(\).* 8 rows"):
        net.fit(X, Y)
    assert seen == [reduction, "none"]
    assert net.criterion_.reduction == reduction


def test_an_error_in_the_loss_leaves_the_criterion_as_it_was():
    class Net(NeuralNetClassifier):
        def get_loss(self, *args, **kwargs):
            if self.criterion_.reduction == "none":
                raise ZeroDivisionError
            return super().get_loss(*args, **kwargs)

    net = make_net(Spy(), cls=Net)
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y)
    assert net.criterion_.reduction == "mean"


class Wrapped(nn.Module):
    """Keeps its reduction elsewhere, as what torch.compile makes of a criterion does."""

    def __init__(self):
        super().__init__()
        self.inner = nn.CrossEntropyLoss()

    @property
    def reduction(self):
        return self.inner.reduction

    @reduction.setter
    def reduction(self, value):
        self.inner.reduction = value

    def forward(self, output, target):
        return self.inner(output, target)


def test_a_criterion_that_hands_its_reduction_on():
    net = make_net(shrinking(), criterion=Wrapped).fit(X, Y)
    assert column(net, "n_active") == SIZES[:4]
    assert net.criterion_.inner.reduction == "mean"


def test_a_regressor():
    y = X[:, 1:2] * 2
    net = make_net(
        shrinking(), cls=NeuralNetRegressor, criterion=nn.MSELoss, module__n_outputs=1
    ).fit(X, y)
    assert column(net, "n_active") == SIZES[:4]


def test_a_binary_classifier():
    net = make_net(
        spy := Spy(shrinking()),
        cls=NeuralNetBinaryClassifier,
        criterion=nn.BCEWithLogitsLoss,
        module__n_outputs=1,
    ).fit(X, Y.astype("float32"))
    assert column(net, "n_active") == SIZES[:4]
    assert spy.told[0].error.shape == (N_SAMPLES,)


@pytest.mark.parametrize(
    ("dtype", "of_errors"),
    [("bfloat16", torch.float32), ("float32", torch.float32), ("float64", torch.float64)],
)
def test_errors_have_a_type_in_which_they_can_be_ranked(dtype, of_errors):
    module = nn.Linear(N_FEATURES, N_CLASSES).to(getattr(torch, dtype))
    X_typed = torch.from_numpy(X[:, 1:]).to(getattr(torch, dtype))
    net = make_net(spy := Spy(ShrinkRecall(t=0.2)), module=module).fit(X_typed, Y)
    assert {told.error.dtype for told in spy.told} == {of_errors}
    assert {told.last_error.dtype for told in spy.told} == {of_errors}
    assert net.history[-1, "n_active"] < N_SAMPLES


# Squared errors of the outputs, for AutoRecall


EASY = (X[:, 1] > 0).astype("int64")
AUTO = [AutoRecall(s=0.3), AutoRecall(s=0.3, alpha=None)]
AUTO_NAMES = ["smoothed", "exact"]


def fit_easy(policy, **params):
    return make_net(policy, lr=2.0, max_epochs=14, **params).fit(X, EASY)


def half_squares(p, y):
    return (p - one_hot(torch.as_tensor(y), p.shape[1])).square().sum(1) / 2


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
            {
                "cls": NeuralNetBinaryClassifier,
                "criterion": nn.BCEWithLogitsLoss,
                "module__n_outputs": 1,
            },
            True,
            lambda z, y: (z.squeeze(1).sigmoid() - y).square() / 2,
        ),
        (
            {"cls": NeuralNetRegressor, "criterion": nn.MSELoss, "module__n_outputs": 1},
            False,
            lambda z, y: (z.squeeze(1) - y).square(),
        ),
    ],
    ids=["CrossEntropyLoss", "NLLLoss", "NLLLoss of logarithms", "binary", "regressor"],
)
@pytest.mark.parametrize("workers", WORKERS[:2], ids=WORKER_NAMES[:2])
def test_the_policy_is_told_the_errors_of_the_outputs(workers, params, bounded, expected):
    of_class = params.get("criterion", nn.CrossEntropyLoss) in (nn.CrossEntropyLoss, nn.NLLLoss)
    y = Y if of_class else Y.astype("float32")
    y = y[:, None] if params.get("cls") is NeuralNetRegressor else y
    params = params | workers | {"iterator_train__shuffle": True, "max_epochs": 3}
    net = make_net(spy := Spy(AutoRecall()), **params).fit(X, y)
    assert [told.bounded_outputs for told in spy.told] == [bounded] * 3
    assert {told.sample_weight for told in spy.told} == {None}
    rows = rows_of(net)
    by_hand = expected(torch.cat(net.module_.outputs), torch.from_numpy(Y)[rows])
    torch.testing.assert_close(
        torch.cat([told.signals["output_error"] for told in spy.told]), by_hand
    )
    if not bounded:
        assert all((told.signals["output_error"] == told.error).all() for told in spy.told)
    # No forward pass more than there are batches.
    assert len(net.module_.batches) == sum(column(net, "train_batch_count"))


def test_a_loss_that_does_without_the_criterion_is_the_output_error_itself():
    class Net(NeuralNetClassifier):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            return cross_entropy(y_pred, y_true, reduction=self.criterion_.reduction)

    make_net(spy := Spy(AutoRecall()), cls=Net).fit(X, Y)
    for told in spy.told:
        assert not told.bounded_outputs
        assert told.signals["output_error"].tolist() == told.error.tolist()


def test_a_net_whose_module_has_another_name():
    class Net(NeuralNet):
        def initialize_module(self):
            super().initialize_module()
            self.body_ = self.module_
            del self.module_
            return self

        def infer(self, x, **fit_params):
            return self.body_(x)

    net = make_net(spy := Spy(AutoRecall()), cls=Net, criterion=nn.CrossEntropyLoss).fit(X, Y)
    assert not hasattr(net, "module_")
    assert spy.told[0].bounded_outputs


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_output_errors_have_a_type_in_which_they_can_be_ranked(dtype):
    dtype = getattr(torch, dtype)
    module = nn.Linear(N_FEATURES, N_CLASSES).to(dtype)
    X_typed = torch.from_numpy(X[:, 1:]).to(dtype)
    make_net(spy := Spy(AutoRecall()), module=module).fit(X_typed, Y)
    wide = torch.promote_types(dtype, torch.float32)
    assert {told.signals["output_error"].dtype for told in spy.told} == {wide}
    assert {told.error.dtype for told in spy.told} == {wide}


@pytest.mark.usefixtures("tiny_sets")
@pytest.mark.parametrize("policy", AUTO, ids=AUTO_NAMES)
def test_active_sets_are_those_of_the_policy_run_by_hand(policy):
    net = fit_easy(spy := Spy(policy))
    active, table = policy.start(N_SAMPLES), torch.full((N_SAMPLES,), torch.nan)
    for number, (rows, told) in enumerate(zip(epochs_of(net), spy.told, strict=True), 1):
        assert rows == active.index.tolist()
        index, error = torch.tensor(rows), told.error
        table = table.index_copy(0, index, error)
        signals = {"output_error": told.signals["output_error"]}
        report = EpochReport(index, error, BATCH_SIZE, number, number / 14, table, signals)
        active = policy.update(active, report, generator=torch.Generator())
    outputs, y = torch.cat(net.module_.outputs), torch.from_numpy(EASY)[rows_of(net)]
    loss, by_hand = cross_entropy(outputs, y, reduction="none"), half_squares(outputs.softmax(1), y)
    torch.testing.assert_close(torch.cat([told.error for told in spy.told]), loss)
    torch.testing.assert_close(
        torch.cat([told.signals["output_error"] for told in spy.told]), by_hand
    )
    sizes = column(net, "n_active")
    assert min(sizes) < 0.6 * N_SAMPLES  # several steps deep, and back
    assert any(few < many == N_SAMPLES for few, many in pairwise(sizes))


@pytest.mark.usefixtures("tiny_sets")
def test_a_stock_net_and_an_active_set_net_have_the_same_active_sets():
    params = {"lr": 0, "max_epochs": 4, "verbose": 0, "batch_size": BATCH_SIZE}
    module = nn.Linear(N_FEATURES + 1, N_CLASSES)
    with torch.no_grad():
        module.weight.zero_()[1, 1] = 4.0
    policy = AutoRecall(alpha=None)
    stock = make_net(policy, module=module, **params).fit(X, EASY)
    own = ActiveSetNet(module, nn.CrossEntropyLoss, policy=policy, **params).fit(X, EASY)
    assert column(stock, "n_active") == column(own, "n_active")
    assert column(stock, "n_active")[:2] == [50, 40]
    assert column(stock, "threshold")[:3] == pytest.approx(column(own, "threshold")[:3])


@pytest.mark.parametrize("policy", AUTO, ids=AUTO_NAMES)
def test_noise_is_trained_on_all_rows(policy):
    X, _ = make_data(400)
    y = np.random.default_rng(1).integers(2, size=400)
    net = make_net(policy, max_epochs=10, batch_size=20).fit(X, y)
    assert column(net, "n_active") == [400] * 10
    assert column(net, "threshold") == [None] * 10


@pytest.mark.usefixtures("tiny_sets")
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("policy", AUTO, ids=AUTO_NAMES)
def test_output_errors_with_a_last_batch_that_is_dropped(policy, shuffle):
    params = {"iterator_train__drop_last": True, "iterator_train__shuffle": shuffle}
    net = fit_easy(spy := Spy(policy), **params)
    outputs, rows = torch.cat(net.module_.outputs), rows_of(net)
    by_hand = half_squares(outputs.softmax(1), EASY[rows]).split(column(net, "n_active"))
    for told, expected in zip(spy.told, by_hand, strict=True):
        assert told.index.shape == told.signals["output_error"].shape
        assert told.index.shape[0] % BATCH_SIZE == 0
        torch.testing.assert_close(told.signals["output_error"], expected)
    assert [row for told in spy.told for row in told.index.tolist()] == rows
    assert min(column(net, "n_active")) < 40


def test_what_looks_like_a_policy_may_ask_for_output_errors():
    class Own:
        needs = {"output_error"}

        def start(self, n_samples):
            return ActiveSet(torch.arange(n_samples))

        def update(self, active, epoch, *, generator):
            asked.append(epoch.signals["output_error"])
            return active

    asked = []
    make_net(Own()).fit(X, Y)
    assert [error.shape for error in asked] == [(N_SAMPLES,)] * 4


def test_output_errors_cost_nothing_where_they_are_not_needed(monkeypatch):
    made, of = [], _callback_errors.squared_output_error
    monkeypatch.setattr(
        _callback_errors, "squared_output_error", lambda it: made.append(it) or of(it)
    )
    make_net(spy := Spy(shrinking())).fit(X, Y)
    assert not any(told.signals for told in spy.told)
    assert not made
    net = make_net(Spy(AutoRecall())).fit(X, Y)
    assert len(made) == sum(column(net, "train_batch_count"))


# Data of all kinds


class Files(Dataset):
    """Rows that are read when they are asked for."""

    def __init__(self, folder):
        self.folder = folder
        self.asked = []

    def __len__(self):
        return N_SAMPLES

    def __getitem__(self, row):
        self.asked.append(row)
        return np.load(self.folder / f"{row}.npy"), Y[row]


@pytest.mark.parametrize("workers", WORKERS[:2], ids=WORKER_NAMES[:2])
def test_rows_that_are_dropped_are_not_read(workers, tmp_path):
    for row in range(N_SAMPLES):
        np.save(tmp_path / f"{row}.npy", X[row])
    net = make_net(shrinking(), max_epochs=3, **workers).fit(files := Files(tmp_path), y=None)
    assert column(net, "n_active") == SIZES[:3]
    assert rows_of(net) == rows_of(make_net(shrinking(), max_epochs=3).fit(X, Y))
    if not workers:  # else they were asked in other processes
        assert files.asked == rows_of(net)


def test_a_dataset_is_split_without_y():
    net = make_net(shrinking(), train_split=ValidSplit(5)).fit(
        torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), y=None
    )
    assert column(net, "n_active") == [40, 32, 26, 21]
    assert len(column(net, "valid_loss")) == 4


def test_inputs_by_name():
    class Named(Rows):
        def forward(self, number, features):
            return super().forward(torch.cat([number, features], dim=1))

    net = make_net(shrinking(), module=Named).fit({"number": X[:, :1], "features": X[:, 1:]}, Y)
    assert column(net, "n_active") == SIZES[:4]
    assert rows_of(net) == rows_of(make_net(shrinking()).fit(X, Y))


def test_targets_made_of_the_inputs():
    class Autoencoder(NeuralNet):
        def get_loss(self, y_pred, y_true, X=None, training=False):
            return super().get_loss(y_pred, X[:, 1:], X=X, training=training)

    params = {"criterion": nn.MSELoss, "module__n_outputs": N_FEATURES}
    net = make_net(spy := Spy(shrinking()), cls=Autoencoder, **params).fit(X)
    assert column(net, "n_active") == SIZES[:4]
    expected = (torch.cat(net.module_.outputs)[:N_SAMPLES] - torch.from_numpy(X[:, 1:])).square()
    torch.testing.assert_close(spy.told[0].error, expected.mean(1))


# Last batches that are dropped


@pytest.mark.parametrize("shuffle", [False, True])
def test_rows_of_a_dropped_batch_are_not_visited(shuffle):
    params = {"iterator_train__drop_last": True, "iterator_train__shuffle": shuffle}
    net = make_net(spy := Spy(FullData()), max_epochs=2, **params).fit(X, Y)
    assert column(net, "n_active") == [48, 48]
    assert [told.index.tolist() for told in spy.told] == epochs_of(net)
    told = spy.told[0]
    dropped = list(set(range(N_SAMPLES)) - set(told.index.tolist()))
    assert told.last_error[dropped].tolist() == [float(told.error.max())] * 2
    assert told.last_error[told.index].tolist() == told.error.tolist()


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("policy", [shrinking(), ShrinkRecall(t=0.2)], ids=["exact", "smoothed"])
def test_active_rows_that_never_were_in_a_batch_stay_active(policy, shuffle):
    params = {"iterator_train__drop_last": True, "iterator_train__shuffle": shuffle}
    actives = []

    class Actives(Spy):
        def update(self, active, epoch, *, generator):
            assert torch.isfinite(epoch.last_error[active.index]).all()
            actives.append(super().update(active, epoch, generator=generator).index.tolist())
            return ActiveSet(torch.tensor(actives[-1]))

    net = make_net(spy := Actives(policy), batch_size=12, **params).fit(X, Y)
    assert column(net, "n_active")[0] == 48
    seen = set()
    for told, active in zip(spy.told, actives, strict=True):
        seen |= set(told.index.tolist())
        assert set(range(N_SAMPLES)) - seen <= set(active)


def test_errors_that_are_not_finite_are_an_error_with_a_dropped_batch_too():
    X_bad = X.copy()
    X_bad[3, 1] = np.nan
    net = make_net(shrinking(), iterator_train__drop_last=True)
    with pytest.raises(ValueError, match="must be finite to be ranked"):
        net.fit(X_bad, Y)


def test_a_set_too_small_for_a_batch_is_recalled():
    params = {"batch_size": 20, "iterator_train__drop_last": True}
    net = make_net(ShrinkRecall(s=0.5, alpha=None, recall=False, t=1), **params).fit(X, Y)
    # 50 rows are two batches; the 25 that are left are one; the 13 after them none.
    assert column(net, "n_active") == [40, 20, 40, 20]
    assert column(net, "train_batch_count") == [2, 1, 2, 1]


def test_no_batch_at_all_is_no_error_as_without_a_callback():
    params = {"batch_size": 64, "iterator_train__drop_last": True}
    net = make_net(spy := Spy(), **params).fit(X, Y)
    assert column(net, "n_active") == column(net, "train_batch_count") == [0] * 4
    assert not spy.told


# What is left of it


def assert_untouched(net):
    """No sampler in the parameters, and a pass over all rows is one."""
    params = net.get_params()
    assert "iterator_train__sampler" not in params
    assert params.get("iterator_train__shuffle", "unset") == net.expected_shuffle_
    assert net.forward(X, training=True).shape[0] == N_SAMPLES
    assert "iterator_train__sampler" not in clone(net).get_params()


@pytest.mark.parametrize("shuffle", ["unset", False, True])
@pytest.mark.parametrize(
    "hook", ["on_epoch_begin", "on_batch_begin", "on_batch_end", "on_epoch_end", "on_train_end"]
)
def test_the_net_is_as_it_was_while_it_trains(hook, shuffle):
    seen = []

    def look(net):
        seen.append(net)
        assert_untouched(net)
        assert b"ActiveRows" not in pickle.dumps(net.get_params(deep=False)["callbacks"][:1])

    params = {} if shuffle == "unset" else {"iterator_train__shuffle": shuffle}
    net = make_net(shrinking(), max_epochs=2, callbacks=[Watch(hook, look)], **params)
    net.expected_shuffle_ = shuffle
    net.fit(X, Y)
    assert seen
    assert column(net, "n_active") == [50, 40]
    assert_untouched(net)


class Once:
    """A split that fails the first time."""

    def __init__(self, failed=False):
        self.failed = failed

    def __call__(self, dataset, y=None, **kwargs):
        if not self.failed:
            self.failed = True
            raise ZeroDivisionError
        return dataset, None


@pytest.mark.parametrize("shuffle", ["unset", True])
@pytest.mark.parametrize("copied", [lambda net: net, clone, deepcopy], ids=["it", "clone", "copy"])
def test_a_fit_that_failed_before_its_first_epoch_is_cleaned_up_by_the_next(copied, shuffle):
    params = {} if shuffle == "unset" else {"iterator_train__shuffle": shuffle}
    net = make_net(shrinking(), train_split=Once(), **params)
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y)
    with pytest.raises(RuntimeError, match="left from a fit that failed"):
        net.forward(X, training=True)
    other = copied(net)
    other.expected_shuffle_ = shuffle
    other.fit(X, Y)
    assert column(other, "n_active") == SIZES[:4]
    assert_untouched(other)


def test_a_fit_of_no_epochs_leaves_nothing():
    net = make_net(shrinking(), max_epochs=0)
    net.expected_shuffle_ = "unset"
    assert_untouched(net.fit(X, Y))


def test_an_error_in_mid_epoch_leaves_nothing_to_the_next_fit():
    net = make_net(spy := Spy(shrinking()), callbacks=[at_batch(10, ZeroDivisionError())])
    net.expected_shuffle_ = "unset"
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y)
    assert_untouched(net)
    assert "run_" not in vars(deepcopy(net.callbacks_)[-2][1])
    spy.told.clear()
    net.fit(X, Y)
    assert column(net, "n_active") == SIZES[:4]
    assert [told.epoch for told in spy.told] == [1, 2, 3, 4]


def test_an_interrupt_in_mid_epoch_is_the_end_of_the_run():
    net = make_net(shrinking(), callbacks=[at_batch(9, KeyboardInterrupt())]).fit(X, Y)
    net.expected_shuffle_ = "unset"
    assert column(net, "n_active") == [50, 40]  # skorch keeps the epoch that was cut short
    assert_untouched(net)
    net.partial_fit(X, Y)
    assert column(net, "n_active") == [50, 40, *SIZES[:4]]


def test_partial_fits_are_runs_of_their_own():
    net = make_net(shrinking(), anneal=0.25).partial_fit(X, Y).partial_fit(X, Y)
    assert column(net, "n_active") == [50, 40, 32, 50] * 2
    net.partial_fit(X[:20], Y[:20])
    assert column(net, "n_active")[8:] == [20, 16, 13, 20]


def test_the_net_fits_again_and_with_a_warm_start():
    net = make_net(shrinking(), warm_start=True).fit(X, Y).fit(X, Y)
    assert column(net, "n_active") == SIZES[:4] * 2
    assert column(make_net(shrinking()).fit(X, Y).fit(X, Y), "n_active") == SIZES[:4]


@pytest.mark.parametrize("copied", [clone, deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
@pytest.mark.parametrize("fitted", [False, True])
def test_copies_fit_as_the_original_does(copied, fitted):
    net = make_net(shrinking(s=0.3), anneal=0.25, module__dropout=0.1)
    if fitted:
        net.fit(X, Y)
    other = copied(net)
    torch.manual_seed(1)
    sizes = column(other.fit(X, Y), "n_active")
    assert sizes == [50, 35, 25, 50]
    torch.manual_seed(1)
    assert_same_bits(net.fit(X, Y), other)
    mine, others = net.callbacks_[-2][1], other.callbacks_[-2][1]
    assert isinstance(others, PolicyCallback)
    assert others is not mine
    assert others.get_params() == mine.get_params()


def test_the_callback_forgets_the_run():
    net = make_net(shrinking()).fit(X, Y)
    assert dict(net.callbacks_)["PolicyCallback"].run_ is None


def test_a_pickle_holds_no_rows():
    X, y = make_data(5000)
    sizes = [
        len(pickle.dumps(make_net(policy, module=nn.Linear, batch_size=-1, **linear()).fit(X, y)))
        for policy in (None, shrinking())
    ]
    assert sizes[1] - sizes[0] < 1000


def linear():
    return {"module__in_features": N_FEATURES + 1, "module__out_features": N_CLASSES}


def test_a_pickle_made_during_the_training_holds_no_rows(tmp_path):
    checkpoint = Checkpoint(
        monitor=None, dirname=tmp_path, f_pickle="net.pkl", f_params=None, f_optimizer=None,
        f_criterion=None, f_history=None,
    )  # fmt: skip
    params = linear() | {"module": nn.Linear, "callbacks": [checkpoint]}
    make_net(shrinking(), **params).fit(X, Y)
    content = (tmp_path / "net.pkl").read_bytes()
    assert b"PolicyCallback" in content
    assert b"ActiveRows" not in content
    net = pickle.loads(content)
    net.expected_shuffle_ = "unset"
    assert_untouched(net)
    assert column(net.fit(X, Y), "n_active") == SIZES[:4]


def test_the_policy_is_a_parameter_of_a_search():
    name = "callbacks__PolicyCallback__policy"
    net = make_net(FullData())
    policies = [shrinking(s=0.1), shrinking(s=0.3)]
    search = GridSearchCV(net, {name: policies}, cv=2).fit(X, Y)
    assert search.best_estimator_.history[:2, "n_active"] in ([50, 45], [50, 35])
    assert net.set_params(**{name: policies[1]}).get_params()[name] is policies[1]
    assert column(net.fit(X, Y), "n_active") == [50, 35, 25, 18]


def test_parameters_of_the_policy_are_parameters_of_a_new_net():
    # skorch's set_params does not go as deep, its constructor does.
    net = make_net(shrinking(), callbacks__PolicyCallback__policy__s=0.3).fit(X, Y)
    assert net.get_params()["callbacks__PolicyCallback__policy__s"] == 0.3
    assert column(clone(net).fit(X, Y), "n_active") == [50, 35, 25, 18]


def test_a_callback_given_by_class_or_by_name():
    params = {"callbacks__PolicyCallback__policy": shrinking(), "callbacks": [PolicyCallback]}
    params["callbacks__PolicyCallback__anneal"] = 0
    assert column(make_net(**params).fit(X, Y), "n_active") == SIZES[:4]
    net = make_net(callbacks=[("mine", PolicyCallback(shrinking(), anneal=0))]).fit(X, Y)
    assert column(net, "n_active") == SIZES[:4]
    net.set_params(callbacks__mine__anneal=1)
    assert column(clone(net).fit(X, Y), "n_active") == [50] * 4
    net = make_net(shrinking()).set_params(callbacks__PolicyCallback=None)
    assert "n_active" not in net.fit(X, Y).history[-1]


# Beside other callbacks


def test_early_stopping_before_it_and_after_it():
    stop = EarlyStopping("valid_loss", patience=2, threshold=0.9)
    for order in (1, -1):
        callbacks = [stop, PolicyCallback(shrinking())][::order]
        net = make_net(train_split=ValidSplit(5), max_epochs=20, callbacks=callbacks).fit(X, Y)
        assert column(net, "n_active") == [40, 32, 26]
        assert (net.history[-1, "threshold"] is None) is (order == 1)


@pytest.mark.parametrize(
    "schedule", [LRScheduler("StepLR", step_size=1), LRScheduler("ReduceLROnPlateau")]
)
def test_learning_rate_schedules_by_epochs(schedule):
    net = make_net(shrinking(), train_split=ValidSplit(5), callbacks=[schedule]).fit(X, Y)
    assert column(net, "n_active") == [40, 32, 26, 21]
    if schedule.policy == "StepLR":
        assert column(net, "event_lr") == pytest.approx([0.1, 0.01, 0.001, 0.0001])


@pytest.mark.parametrize("use_caching", [True, False])
def test_scores_of_the_training_rows(use_caching):
    scoring = EpochScoring(
        "accuracy", name="accuracy", on_train=True, lower_is_better=False, use_caching=use_caching
    )
    net = make_net(shrinking(), lr=0, iterator_train__shuffle=True, callbacks=[scoring]).fit(X, Y)
    right = torch.cat(net.module_.outputs).argmax(1).numpy() == Y[rows_of(net)]
    of_active = [float(hits.mean()) for hits in np.split(right, np.cumsum(SIZES[:3]))]
    # What is cached is what was visited; without a cache, skorch predicts the whole set.
    expected = of_active if use_caching else of_active[:1] * 4
    assert column(net, "accuracy") == pytest.approx(expected)


def test_what_is_printed(capsys):
    make_net(shrinking(), verbose=1).fit(X, Y)
    header, *_, last = capsys.readouterr().out.splitlines()
    assert "n_active" in header
    assert "threshold" in header
    assert "26" in last.split()


# What is refused


@dataclass
class Weighted(Policy):
    def start(self, n_samples):
        return ActiveSet(torch.arange(n_samples), weight=torch.ones(n_samples))

    def update(self, active, epoch, *, generator):
        return active


@dataclass
class LateWeights(Policy):
    def update(self, active, epoch, *, generator):
        return replace(active, weight=torch.ones(active.index.shape[0]))


@dataclass
class SaysSo(FullData):
    is_weighted = True


def assert_refused(net, error, match):
    """Refused before a single batch, and without a trace."""
    with pytest.raises(error, match=match):
        net.fit(X, Y)
    assert not getattr(net, "history", None) or not net.history[-1]["batches"]
    assert not isinstance(vars(net).get("iterator_train__sampler"), ActiveRows)
    if hasattr(net, "module_") and isinstance(net.module_, Rows):
        assert not net.module_.batches


@pytest.mark.parametrize("policy", [SaysSo(), Weighted()])
def test_policies_that_weigh_rows_are_refused(policy):
    assert_refused(make_net(policy), TypeError, r"must not weigh rows.*ActiveSetNet")


def test_weights_that_come_later_are_refused_too():
    net = make_net(LateWeights())
    with pytest.raises(TypeError, match=r"must not weigh rows.*ActiveSetNet"):
        net.fit(X, Y)
    assert len(rows_of(net)) == N_SAMPLES


class OnlyStarts:
    def start(self, n_samples):
        return ActiveSet(torch.arange(n_samples))


@pytest.mark.parametrize("policy", ["shrink", 3, ShrinkRecall, OnlyStarts()])
def test_what_is_no_policy_is_refused(policy):
    with pytest.raises(TypeError, match="policy must be a Policy"):
        PolicyCallback(policy).initialize()
    assert_refused(make_net(policy), TypeError, "policy must be a Policy, however: policy=")


def test_what_looks_like_a_policy_is_one():
    class Own:
        def start(self, n_samples):
            return ActiveSet(torch.arange(n_samples))

        def update(self, active, epoch, *, generator):
            return ActiveSet(active.index[1:])

    assert column(make_net(Own()).fit(X, Y), "n_active") == [50, 49, 48, 47]


@pytest.mark.parametrize("anneal", [-0.1, 1.1, float("nan")])
def test_an_anneal_out_of_its_range_is_refused(anneal):
    net = make_net(FullData(), anneal=anneal)
    assert_refused(net, ValueError, r"anneal must be in \[0, 1\], however: anneal=")


def test_parameters_set_after_initialize_are_checked():
    net = make_net(FullData()).initialize()
    net.set_params(callbacks__PolicyCallback__anneal=2)
    with pytest.raises(ValueError, match="anneal must be in"):
        net.partial_fit(X, Y)


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        (
            {"iterator_train__sampler": SequentialSampler(Y)},
            ValueError,
            "iterator_train__sampler must be None",
        ),
        (
            {"iterator_train__batch_sampler": [[1, 2]]},
            ValueError,
            "iterator_train__batch_sampler must be None",
        ),
        ({"iterator_train__in_order": False}, ValueError, "iterator_train__in_order must be True"),
        ({"criterion": lambda: nn.Sequential()}, TypeError, "`reduction`.*Sequential has none"),
        ({"callbacks": [PolicyCallback(FullData())]}, ValueError, "must have one PolicyCallback"),
    ],
)
def test_nets_of_which_the_rows_cannot_be_chosen_are_refused(params, error, match):
    assert_refused(make_net(FullData(), **params), error, match)


def test_a_sampler_of_none_is_none():
    net = make_net(shrinking(), iterator_train__sampler=None).fit(X, Y)
    assert column(net, "n_active") == SIZES[:4]
    assert net.get_params()["iterator_train__sampler"] is None


def test_an_active_set_net_takes_the_policy_itself():
    net = ActiveSetNet(Rows, callbacks=[PolicyCallback(shrinking())], verbose=0)
    assert_refused(net, TypeError, "this is an ActiveSetNet.*`policy=`")


def test_rows_without_numbers_are_refused_by_the_loader():
    class Stream(IterableDataset):
        def __iter__(self):
            return zip(X, Y, strict=True)

        def __len__(self):
            return N_SAMPLES

    with pytest.raises(ValueError, match=r"IterableDataset.*sampler=.*ActiveRows"):
        make_net(FullData()).fit(Stream(), y=None)


class Ignoring(DataLoader):
    def __init__(self, dataset, sampler=None, **kwargs):
        super().__init__(dataset, **kwargs)


class Shortening(DataLoader):
    def __iter__(self):
        return iter(list(super().__iter__())[:-1])


class Repeating(DataLoader):
    def __iter__(self):
        return iter([*super().__iter__(), *super().__iter__()])


@pytest.mark.parametrize(
    ("iterator", "visits"),
    [(Ignoring, "8 rows of its own choice"), (Shortening, "48"), (Repeating, "100")],
)
def test_batches_of_other_rows_are_an_error(iterator, visits):
    net = make_net(Spy(), iterator_train=iterator)
    with pytest.raises(RuntimeError, match=f"must visit the 50 rows.*however: it visits {visits}"):
        net.fit(X, Y)
    assert len(net.history) == 1


def test_a_fit_loop_that_it_did_not_see_begin_is_an_error():
    net = make_net(shrinking()).initialize()
    with pytest.raises(RuntimeError, match="needs fit or partial_fit"):
        net.fit_loop(X, Y)


def test_a_fit_loop_after_a_failed_fit_is_an_error():
    net = make_net(shrinking(), callbacks=[at_batch(10, ZeroDivisionError())])
    with pytest.raises(ZeroDivisionError):
        net.fit(X, Y)
    with pytest.raises(RuntimeError, match="of its own choice"):
        net.fit_loop(X, Y)


# Cost


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


@pytest.mark.parametrize("mine", [FullData(), NeedsOutputs()])
def test_batches_wait_no_more_for_the_device_than_without_it(mine):
    counts = []
    for batch_size in (N_SAMPLES, 1):
        for policy in (None, mine):
            with HostSyncs() as syncs:
                make_net(policy, batch_size=batch_size).fit(X, Y)
            counts.append(syncs.count)
    few, few_with, many, many_with = counts
    assert few_with - few == many_with - many
    assert many > few


@pytest.mark.parametrize("policy", [FullData(), NeedsOutputs()])
def test_errors_come_from_the_device_once_an_epoch(policy, monkeypatch):
    moved, cpu = [], torch.Tensor.cpu
    net = make_net(policy)
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: moved.append(tensor) or cpu(tensor))
    net.fit(X, Y)
    assert len(moved) == net.max_epochs


def test_errors_hold_no_graph():
    graphs = []

    class Net(NeuralNetClassifier):
        def get_loss(self, y_pred, y_true, *args, **kwargs):
            loss = super().get_loss(y_pred, y_true, *args, **kwargs)
            if self.criterion_.reduction == "mean":
                return loss
            graphs.append(torch.is_grad_enabled())
            return y_pred[:, 0]  # which has one

    make_net(spy := Spy(), cls=Net).fit(X, Y)
    assert not any(graphs)
    assert not spy.told[0].error.requires_grad


def test_anneal_must_be_a_number():
    with pytest.raises(ValueError, match=r"anneal must be in \[0, 1\], however: anneal='x'"):
        PolicyCallback(AutoRecall(), anneal="x").initialize()
