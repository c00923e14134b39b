import pickle
import random
import warnings
from copy import deepcopy
from dataclasses import fields
from functools import partial
from itertools import chain

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from skorch.dataset import ValidSplit
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import TensorDataset

from sk_sdlr.modules import MLP
from sk_sdlr.nets import ActiveSetNet, _net
from sk_sdlr.policies import AutoRecall
from sk_sdlr.runs import Run, TrainingSettings
from sk_sdlr.steps import SquaredError
from tests.nets.cases import (
    N_CLASSES,
    N_FEATURES,
    N_SAMPLES,
    NUMBERED,
    SIZES,
    STEPS,
    TENSORS,
    Rows,
    Spy,
    X,
    Y,
    assert_same_bits,
    column,
    make_data,
    make_net,
    shrinking,
    weights,
)

pytestmark = pytest.mark.filterwarnings("ignore:The run ended in mid-cycle")


# What reaches the run

SETTINGS = {
    "max_epochs": 3,
    "max_passes": 2.5,
    "batch_size": 17,
    "lr_schedule": "cosine",
    "weight_average": 0.2,
    "full_at_end": 0.25,
    "step": "autograd",
    "autocast": torch.bfloat16,
    "fp32_precision": "bf16",
    "n_threads": 2,
    "n_iter_no_change": 2,
    "tol": 0.125,
}


@pytest.fixture
def runs(monkeypatch):
    """The runs that nets make."""
    made = []

    class Kept(Run):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            made.append(self)

    monkeypatch.setattr(_net, "Run", Kept)
    return made


def test_all_settings_of_a_run_are_parameters_of_the_net_with_the_same_defaults():
    assert {field.name for field in fields(TrainingSettings)} == set(SETTINGS)
    params = ActiveSetNet(MLP).get_params()
    for field in fields(TrainingSettings):
        assert params[field.name] == field.default


def test_parameters_reach_the_run(runs):
    policy, valid = AutoRecall(), TensorDataset(*TENSORS)
    net = make_net(policy=policy, train_split=None, **SETTINGS)
    net.fit(X, Y, valid=valid)
    [run] = runs
    assert run.settings == TrainingSettings(**SETTINGS)
    assert run.policy is policy
    assert (run.module, run.optimizer) == (net.module_, net.optimizer_)
    assert run.objective.criterion is net.criterion_
    assert run.data.n_samples == run.validation.n_samples == N_SAMPLES


def test_epochs_of_a_partial_fit_take_the_place_of_max_epochs(runs):
    net = make_net().initialize()
    assert len(net.partial_fit(X, Y, epochs=2).history) == 2
    assert len(net.partial_fit(X, Y, epochs=0).history) == 2
    assert [run.settings.max_epochs for run in runs] == [2, 0]


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"step": "other"}, "'step' parameter must be .* Got 'other' instead"),
        ({"full_at_end": 2}, "'full_at_end' parameter must be .* Got 2 instead"),
        ({"n_iter_no_change": 2}, "n_iter_no_change needs validation rows"),
        ({"step": "dense", "optimizer": torch.optim.Rprop}, "step='dense' needs an MLP or"),
    ],
)
def test_what_cannot_be_is_refused_before_any_training(params, match):
    net = make_net(**params).initialize()
    before = weights(net)
    with pytest.raises(ValueError, match=match):
        net.partial_fit(X, Y)
    torch.testing.assert_close(weights(net), before, rtol=0, atol=0)
    assert len(net.history) == 0


def test_a_criterion_without_values_of_samples_is_refused():
    with pytest.raises(TypeError, match=r"'reduction' attribute.*Got Sequential instead"):
        make_net(criterion=nn.Sequential).fit(X, Y)


def test_a_module_must_be_one():
    with pytest.raises(ValueError, match=r"module must be or make an nn.Module. Got int instead"):
        make_net(lambda: 3).fit(X, Y)


# The epochs


def test_each_active_row_is_visited_once_an_epoch_and_in_no_further_forward_pass():
    spy = Spy(shrinking())
    net = make_net(Rows, policy=spy, max_epochs=len(SIZES)).fit(NUMBERED, Y)
    assert column(net, "n_active") == SIZES
    assert len(net.module_.batches) == sum(-(-size // 8) for size in SIZES)
    rows = torch.tensor(list(chain.from_iterable(net.module_.batches)))
    for visited, active, told in zip(rows.split(SIZES), spy.actives, spy.told, strict=False):
        assert visited.tolist() == told.index.tolist() != active.index.tolist()
        assert visited.sort().values.tolist() == active.index.tolist()


@pytest.mark.parametrize(
    ("optimizer", "activation"), [(SGD, "relu"), (Adam, "tanh"), (partial(Adam, eps=1e-6), "relu")]
)
def test_both_steps_end_with_the_same_net(optimizer, activation):
    params = {"policy": shrinking(), "optimizer": optimizer, "lr": 0.01}
    params |= {"module__activation": activation, "max_epochs": 6}
    nets = [make_net(step=step, **params).fit(X, Y) for step in STEPS]
    torch.testing.assert_close(weights(nets[0]), weights(nets[1]), rtol=1e-4, atol=1e-5)
    assert column(nets[0], "n_active") == column(nets[1], "n_active")


def test_weights_of_samples_are_an_argument_or_the_third_tensor():
    weight = np.tile(np.array([2, 0], dtype="float32"), N_SAMPLES // 2)
    params = {"batch_size": N_SAMPLES, "policy": shrinking(s=0)}
    net = make_net(**params).fit(X, Y, sample_weight=weight)
    assert_same_bits(
        net, make_net(**params).fit(TensorDataset(*TENSORS, torch.from_numpy(weight)), None)
    )
    assert_same_bits(net, make_net(**params).fit(X, Y, sample_weight=torch.from_numpy(weight)))
    twice = make_net(**params).fit(np.repeat(X[::2], 2, axis=0), np.repeat(Y[::2], 2))
    torch.testing.assert_close(weights(net), weights(twice))


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("lr_schedule", [None, "linear", partial(StepLR, step_size=1, gamma=0.5)])
def test_learning_rates_of_parameter_groups_stay_their_own(lr_schedule, step):
    groups = [("linears.0.*", {"lr": 0.0})]
    params = {"optimizer__param_groups": groups, "lr_schedule": lr_schedule, "step": step}
    net = make_net(**params).initialize()
    before = weights(net)
    net.partial_fit(X, Y)
    after = weights(net)
    assert torch.equal(after["linears.0.weight"], before["linears.0.weight"])
    assert not torch.equal(after["linears.1.weight"], before["linears.1.weight"])
    assert [group["lr"] for group in net.optimizer_.param_groups] == [0, 0.1]


def test_every_run_starts_from_the_rate_that_is_set():
    net = make_net(lr_schedule="linear", max_epochs=2).fit(X, Y)
    net.partial_fit(X, Y).set_params(lr=0.01).partial_fit(X, Y)
    assert column(net, "lr") == pytest.approx([0.1, 0.05, 0.1, 0.05, 0.01, 0.005])


def test_a_run_that_ends_on_a_part_of_the_rows_says_so():
    with pytest.warns(ConvergenceWarning, match=r"mid-cycle, on 26 of 50 rows.*full_at_end > 0"):
        make_net(policy=shrinking()).fit(X, Y)
    with warnings.catch_warnings(action="error"):
        make_net(policy=shrinking(), full_at_end=0.25).fit(X, Y)


# Validation


def test_train_split_holds_rows_out():
    net = make_net(train_split=ValidSplit(5)).fit(X, Y)
    assert column(net, "n_active") == [40] * 4
    rows = net.get_split_datasets(X, Y)[1].indices
    expected = nn.functional.cross_entropy(net.module_(TENSORS[0][rows]), TENSORS[1][rows])
    assert net.history[-1, "valid_loss"] == pytest.approx(expected.item())


@pytest.mark.parametrize("weight", [None, torch.linspace(0, 2, N_SAMPLES // 2)])
def test_valid_takes_the_place_of_what_train_split_makes(weight):
    held_out = [tensor[::2] for tensor in TENSORS] + [weight] * (weight is not None)
    net = make_net(module__dropout=0.5, train_split=ValidSplit(5))
    net.fit(X[1::2], Y[1::2], valid=TensorDataset(*held_out))
    losses = nn.functional.cross_entropy(
        net.module_.eval()(held_out[0]), held_out[1], reduction="none"
    )
    expected = losses if weight is None else losses * weight
    assert net.history[-1, "valid_loss"] == pytest.approx(expected.mean().item())


def test_early_stopping_leaves_the_best_weights_and_says_so(capsys):
    # Against the other classes the loss rises from the first epoch on.
    params = {"n_iter_no_change": 3, "max_epochs": 20, "verbose": 1}
    net = make_net(**params).fit(X, Y, valid=TensorDataset(TENSORS[0], 1 - TENSORS[1]))
    assert column(net, "valid_loss_best") == [True, False, False, False]
    assert_same_bits(net, make_net(max_epochs=1).fit(X, Y))
    assert "valid_loss has not improved for 3 epochs" in capsys.readouterr().out


# Randomness and global state


@pytest.mark.parametrize("module", ["own", "own with dropout", "torch's with dropout"])
def test_random_state_alone_decides(module):
    def fit(random_state, global_seed):
        torch.manual_seed(global_seed)
        np.random.seed(global_seed)
        if module == "torch's with dropout":
            return make_net(Rows, module__dropout=0.5, random_state=random_state).fit(NUMBERED, Y)
        dropout = 0.5 if module == "own with dropout" else 0
        return make_net(module__dropout=dropout, random_state=random_state).fit(X, Y)

    net = fit(0, global_seed=1)
    assert_same_bits(net, fit(0, global_seed=2))
    other = fit(np.random.RandomState(3), global_seed=1)
    assert_same_bits(other, fit(np.random.RandomState(3), global_seed=2))
    for mine, its in zip(net.module_.parameters(), other.module_.parameters(), strict=True):
        assert not torch.equal(mine, its)


def test_initial_weights_of_a_module_of_ones_own_come_from_random_state():
    nets = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        nets.append(make_net(nn.Linear, module__in_features=3, module__out_features=2))
        nets[-1].initialize()
    assert_same_bits(*nets)
    made = make_net().initialize().set_params(module__hidden_layer_sizes=(5,))
    torch.manual_seed(3)
    assert_same_bits(made, make_net(module__hidden_layer_sizes=(5,)).initialize())


def test_partial_fits_visit_the_rows_in_another_order_each_time():
    spy = Spy()
    net = make_net(policy=spy, max_epochs=3).fit(X, Y)
    net.partial_fit(X, Y)
    orders = {tuple(told.index.tolist()) for told in spy.told}
    assert len(orders) == len(spy.told) == 4


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
    params = {"n_threads": 1, "train_split": ValidSplit(5), "module__dropout": 0.5}
    make_net(Rows, **params).fit(NUMBERED, Y).predict(NUMBERED)
    make_net(**params).fit(X, Y).predict(X)
    assert state() == before


# Prediction


@pytest.mark.parametrize("n_samples", [1, 1024, 1500])
def test_predictions_are_the_output_of_the_module(n_samples):
    net = make_net(policy=AutoRecall(), module__dropout=0.5).fit(X, Y)
    new, y = make_data(n_samples)
    expected = net.module_.eval()(torch.from_numpy(new)).detach()
    torch.testing.assert_close(net.forward(new), expected)
    probabilities = expected.softmax(1).numpy()
    np.testing.assert_allclose(net.predict_proba(new), probabilities, rtol=1e-5)
    np.testing.assert_allclose(net.predict(new), probabilities, rtol=1e-5)
    dataset = TensorDataset(torch.from_numpy(new), torch.from_numpy(y))
    torch.testing.assert_close(net.forward(dataset), expected)


def test_regression_predicts_outputs():
    target = np.column_stack([X[:, 0], X[:, 1]])
    net = make_net(criterion=SquaredError, max_epochs=60).fit(X, target)
    assert np.mean((net.predict(X) - target) ** 2) < 0.3 * np.mean(target**2)


# What is printed


def test_verbose_prints_a_row_an_epoch(capsys):
    make_net(max_epochs=3).fit(X, Y)
    assert not capsys.readouterr().out
    make_net(verbose=1, max_epochs=3, train_split=ValidSplit(5)).fit(X, Y)
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert {"epoch", "n_active", "train_loss", "valid_loss", "lr"} <= set(header.split())
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]


# Copies


def test_a_clone_has_the_same_parameters_and_gives_the_same_bits():
    net = make_net(**SETTINGS | {"policy": AutoRecall(s=0.3), "n_iter_no_change": None})
    twin = clone(net)
    for name in SETTINGS:
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


def test_parameters_can_be_searched():
    net = make_net(max_epochs=20)
    grid = {"lr": [1e-9, 0.1], "policy": [None, AutoRecall()]}
    search = GridSearchCV(
        net, grid, cv=2, scoring=lambda net, X, y: net.predict(X)[y == 1, 1].mean()
    )
    assert search.fit(X, Y).best_params_["lr"] == 0.1


def test_warm_start_goes_on_and_fit_begins_anew():
    net = make_net(warm_start=True, max_epochs=2).fit(X, Y).fit(X, Y)
    assert column(net, "epoch") == [1, 2, 3, 4]
    anew = make_net(max_epochs=2).fit(X, Y).fit(X, Y)
    assert_same_bits(anew, make_net(max_epochs=2).fit(X, Y))
    assert net.predict(X).shape == (N_SAMPLES, N_CLASSES)
    assert net.module_.linears[0].in_features == N_FEATURES
