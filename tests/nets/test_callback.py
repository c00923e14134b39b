import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import EarlyStopping, EpochScoring, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn
from torch.nn.functional import cross_entropy

from sk_sdlr.nets import ActiveSetNet, PolicyCallback
from sk_sdlr.policies import ActiveSet, AutoRecall, FullData, Policy, RandomSubset, ShrinkRecall
from tests.nets.cases import (
    BATCH_SIZE,
    N_CLASSES,
    N_FEATURES,
    N_SAMPLES,
    NUMBERED,
    SIZES,
    Spy,
    Y,
    assert_same_bits,
    column,
    shrinking,
)
from tests.nets.stock import WORKERS, at_batch, epochs_of, make_stock, rows_of

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")


# Which rows are visited


def test_sizes_are_those_of_algorithm_3_and_a_batch_is_one_forward_pass():
    net = make_stock(shrinking(), max_epochs=len(SIZES)).fit(NUMBERED, Y)
    assert column(net, "n_active") == SIZES
    assert [len(set(visited)) for visited in epochs_of(net)] == SIZES
    n_batches = [-(-size // BATCH_SIZE) for size in SIZES]
    assert column(net, "train_batch_count") == n_batches
    assert len(net.module_.batches) == sum(n_batches)


@pytest.mark.parametrize(
    ("workers", "split", "shuffle"),
    [
        ("in the process", None, None),
        ("in the process", None, True),
        ("in the process", ValidSplit(5), False),
        ("in the process", ValidSplit(5), True),
        ("workers", ValidSplit(5), True),
        ("persistent workers", None, None),
        ("persistent workers", ValidSplit(5), True),
    ],
)
def test_the_policy_is_told_the_rows_of_the_batches_and_their_errors(workers, split, shuffle):
    params = WORKERS[workers] | ({} if shuffle is None else {"iterator_train__shuffle": shuffle})
    spy = Spy(shrinking(s=0.3))
    net = make_stock(spy, train_split=split, max_epochs=3, **params).fit(NUMBERED, Y)
    first = 0 if split is None else 10  # KFold takes the first rows for validation
    assert column(net, "n_active") == ([50, 35, 25] if split is None else [40, 28, 20])
    rows = [first + row for told in spy.told for row in told.index.tolist()]
    assert rows_of(net)[: len(rows)] == rows
    outputs = torch.cat(net.module_.outputs)[: len(rows)]
    expected = cross_entropy(outputs, torch.from_numpy(Y)[rows], reduction="none")
    torch.testing.assert_close(torch.cat([told.error for told in spy.told]), expected)
    for told, active in zip(spy.told, spy.actives, strict=True):
        visited = told.index.tolist()
        assert sorted(visited) == active.index.tolist()
        assert (visited == sorted(visited)) is (not shuffle)


def test_the_policy_is_told_how_far_the_run_is():
    net = make_stock(spy := Spy(shrinking(s=0.3)), max_epochs=4).fit(NUMBERED, Y)
    assert [told.epoch for told in spy.told] == [1, 2, 3]  # after the last one nothing is chosen
    assert [told.progress for told in spy.told] == [0.25, 0.5, 0.75]
    assert {told.batch_size for told in spy.told} == {BATCH_SIZE}
    known = torch.full((N_SAMPLES,), torch.nan)
    for told in spy.told:
        known[told.index] = told.error
        torch.testing.assert_close(told.last_error, known, equal_nan=True)
    net.partial_fit(NUMBERED, Y)
    assert [told.epoch for told in spy.told[3:]] == [1, 2, 3]


def test_rows_never_visited_have_no_last_error():
    @dataclass
    class Two(Policy):
        def start(self, n_samples):
            return ActiveSet(torch.tensor([3, 7]))

        def update(self, active, report, *, generator):
            return active

    make_stock(spy := Spy(Two()), max_epochs=2).fit(NUMBERED, Y)
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
    net = make_stock(spy := Spy(), **params).fit(NUMBERED, Y)
    assert {told.batch_size for told in spy.told} == {size}
    assert len(net.module_.batches[0]) == size


@pytest.mark.parametrize(("full_at_end", "n_before"), [(0, 10), (0.3, 7), (0.8, 2), (1, 0)])
def test_the_last_share_of_the_epochs_is_on_all_rows(full_at_end, n_before):
    net = make_stock(shrinking(), full_at_end, max_epochs=10).fit(NUMBERED, Y)
    assert column(net, "n_active") == SIZES[:n_before] + [50] * (10 - n_before)
    thresholds = column(net, "threshold")
    n_chosen = max(0, n_before - 1)
    assert all(threshold > 0 for threshold in thresholds[:n_chosen])
    assert thresholds[n_chosen:] == [None] * (10 - n_chosen)


def test_by_default_the_last_tenth_is_on_all_rows():
    assert PolicyCallback(FullData()).full_at_end == 0.1


def test_epochs_beyond_max_epochs_are_on_all_rows_if_the_last_ones_are():
    net = make_stock(shrinking(), full_at_end=0.5, max_epochs=2).initialize()
    net.partial_fit(NUMBERED, Y, epochs=4)
    assert column(net, "n_active") == [50, 50, 50, 50]


@pytest.mark.usefixtures("tiny_sets")
@pytest.mark.parametrize("policy", [shrinking(), AutoRecall(alpha=None)])
@pytest.mark.parametrize("full_at_end", [0, 0.25])
def test_active_sets_are_those_of_an_active_set_net(policy, full_at_end):
    easy = (NUMBERED[:, 1] > 0).astype("int64")
    module = nn.Linear(N_FEATURES + 1, N_CLASSES)
    with torch.no_grad():
        module.weight.zero_()[1, 1] = 4.0
    params = {"lr": 0, "max_epochs": 4, "verbose": 0, "batch_size": BATCH_SIZE}
    stock = make_stock(policy, full_at_end, module=module, **params).fit(NUMBERED, easy)
    own = ActiveSetNet(  # by autograd as well, for errors that are rounded alike
        module,
        nn.CrossEntropyLoss,
        policy=policy,
        full_at_end=full_at_end,
        step="autograd",
        **params,
    ).fit(NUMBERED, easy)
    assert column(stock, "n_active") == column(own, "n_active")
    assert column(stock, "n_active")[:2] == [50, 40]
    assert column(stock, "threshold") == pytest.approx(column(own, "threshold"))


def test_a_run_that_ends_on_a_part_of_the_rows_says_so():
    with pytest.warns(UserWarning, match=r"mid-cycle, on 26 of 50 rows.*full_at_end > 0"):
        make_stock(shrinking()).fit(NUMBERED, Y)
    stopped = make_stock(shrinking(), callbacks=[at_batch(9, KeyboardInterrupt())])
    with warnings.catch_warnings(action="error"):
        make_stock(shrinking(), full_at_end=0.25).fit(NUMBERED, Y)
        stopped.fit(NUMBERED, Y)  # which did not end
    assert column(stopped, "n_active") == [50, 40]


# Random numbers


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("policy", [ShrinkRecall(s=0, t=0.2), AutoRecall(s=0), FullData()])
def test_a_policy_that_drops_nothing_leaves_the_training_as_it_is_bit_for_bit(policy, shuffle):
    params = {"iterator_train__shuffle": shuffle, "module__dropout": 0.5}
    stock = make_stock(None, **params).fit(NUMBERED, Y)
    mine = make_stock(policy, **params).fit(NUMBERED, Y)
    assert rows_of(stock) == rows_of(mine)
    assert_same_bits(stock, mine)
    assert column(stock, "train_loss") == column(mine, "train_loss")


def test_rows_are_shuffled_by_the_generator_of_the_loader():
    def fit(policy):
        generator = torch.Generator().manual_seed(3)
        params = {"iterator_train__shuffle": True, "iterator_train__generator": generator}
        return rows_of(make_stock(policy, **params).fit(NUMBERED, Y))

    assert fit(None) == fit(FullData())


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_seed_of_torch_decides_and_nothing_else(shuffle):
    net = make_stock(RandomSubset(shrinking()), iterator_train__shuffle=shuffle)
    rows = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        rows.append(rows_of(net.fit(NUMBERED, Y)))
    rows.append(rows_of(net.fit(NUMBERED, Y)))
    assert rows[0] == rows[1]
    assert rows[1] != rows[2] != rows[3]


# Beside other callbacks


@pytest.mark.parametrize("order", [1, -1])
def test_early_stopping_before_it_and_after_it(order):
    stop = EarlyStopping("valid_loss", patience=2, threshold=0.9)
    callbacks = [stop, PolicyCallback(shrinking())][::order]
    net = make_stock(train_split=ValidSplit(5), max_epochs=20, callbacks=callbacks)
    assert column(net.fit(NUMBERED, Y), "n_active") == [40, 32, 26]
    assert (net.history[-1, "threshold"] is None) is (order == 1)


@pytest.mark.parametrize("policy", ["StepLR", "ReduceLROnPlateau"])
def test_learning_rate_schedules_by_epochs(policy):
    schedule = LRScheduler(policy, **{"step_size": 1} if policy == "StepLR" else {})
    net = make_stock(shrinking(), train_split=ValidSplit(5), callbacks=[schedule])
    assert column(net.fit(NUMBERED, Y), "n_active") == [40, 32, 26, 21]
    if policy == "StepLR":
        assert column(net, "event_lr") == pytest.approx([0.1, 0.01, 0.001, 0.0001])


@pytest.mark.parametrize("use_caching", [True, False])
def test_scores_of_the_training_rows(use_caching):
    scoring = EpochScoring(
        "accuracy", name="accuracy", on_train=True, lower_is_better=False, use_caching=use_caching
    )
    net = make_stock(shrinking(), lr=0, iterator_train__shuffle=True, callbacks=[scoring])
    net.fit(NUMBERED, Y)
    right = torch.cat(net.module_.outputs).argmax(1).numpy() == Y[rows_of(net)]
    of_active = [float(hits.mean()) for hits in np.split(right, np.cumsum(SIZES[:3]))]
    # What is cached is what was visited; without a cache, skorch predicts the whole set.
    expected = of_active if use_caching else of_active[:1] * 4
    assert column(net, "accuracy") == pytest.approx(expected)


def test_sizes_and_thresholds_are_printed(capsys):
    make_stock(shrinking(), verbose=1).fit(NUMBERED, Y)
    header, *_, last = capsys.readouterr().out.splitlines()
    assert {"n_active", "threshold"} <= set(header.split())
    assert "26" in last.split()


# As a parameter


def test_the_policy_is_a_parameter_of_a_search():
    name = "callbacks__PolicyCallback__policy"
    net = make_stock(FullData())
    policies = [shrinking(s=0.1), shrinking(s=0.3)]
    search = GridSearchCV(net, {name: policies}, cv=2).fit(NUMBERED, Y)
    assert search.best_estimator_.history[:2, "n_active"] in ([50, 45], [50, 35])
    assert net.set_params(**{name: policies[1]}).get_params()[name] is policies[1]
    assert column(net.fit(NUMBERED, Y), "n_active") == [50, 35, 25, 18]


def test_parameters_of_the_policy_are_parameters_of_a_new_net():
    # skorch's set_params does not go as deep, its constructor does.
    net = make_stock(shrinking(), callbacks__PolicyCallback__policy__s=0.3).fit(NUMBERED, Y)
    assert net.get_params()["callbacks__PolicyCallback__policy__s"] == 0.3
    assert column(clone(net).fit(NUMBERED, Y), "n_active") == [50, 35, 25, 18]


def test_a_callback_given_by_class_or_by_name():
    params = {"callbacks__PolicyCallback__policy": shrinking(), "callbacks": [PolicyCallback]}
    params["callbacks__PolicyCallback__full_at_end"] = 0
    assert column(make_stock(**params).fit(NUMBERED, Y), "n_active") == SIZES[:4]
    net = make_stock(callbacks=[("mine", PolicyCallback(shrinking(), full_at_end=0))])
    assert column(net.fit(NUMBERED, Y), "n_active") == SIZES[:4]
    net.set_params(callbacks__mine__full_at_end=1)
    assert column(clone(net).fit(NUMBERED, Y), "n_active") == [50] * 4
    net = make_stock(shrinking()).set_params(callbacks__PolicyCallback=None)
    assert "n_active" not in net.fit(NUMBERED, Y).history[-1]
