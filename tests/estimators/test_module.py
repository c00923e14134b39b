"""Estimators on a torch module of the user's own."""

from __future__ import annotations

import copy
import pickle
import re
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from torch import nn

from sk_sdlr import ShrinkingClassifier, ShrinkingRegressor
from tests.estimators.helpers import Net, same, sizes, weights

N_SAMPLES, N_FEATURES, N_CLASSES = 100, 6, 3
QUICK = {"max_epochs": 3, "random_state": 0}
KINDS = [ShrinkingClassifier, ShrinkingRegressor]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(N_SAMPLES, N_FEATURES)).astype("f")
Y = np.argmax(X[:, :N_CLASSES] + RNG.normal(size=(N_SAMPLES, N_CLASSES)), axis=1)
N_OUTPUTS = {ShrinkingClassifier: N_CLASSES, ShrinkingRegressor: 1}


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def make_net(n_inputs, n_outputs):
    return Net(n_inputs, n_outputs)


# What a module may be


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "module", [Net, make_net, lambda n_inputs, n_outputs: Net(n_inputs, n_outputs), partial(Net)]
)
def test_a_class_and_functions_that_call_it_give_the_same_bits(kind, module):
    net = kind(module, **QUICK).fit(X, Y)
    assert same(net, kind(Net, **QUICK).fit(X, Y))
    assert isinstance(net.net_.module_, Net)
    assert net.net_.module_.hidden.in_features == N_FEATURES
    assert net.net_.module_.output.out_features == N_OUTPUTS[kind]
    assert net.input_shape_ == (N_FEATURES,)
    assert net.n_features_in_ == N_FEATURES
    assert net.predict(X).shape == (N_SAMPLES,)


@pytest.mark.parametrize(
    "module",
    [
        lambda: nn.Linear(6, 3),
        lambda n_inputs: nn.Linear(n_inputs, 3),
        lambda n_outputs: nn.Linear(6, n_outputs),
        lambda input_shape: nn.Linear(*input_shape, 3),
        lambda n_outputs, n_inputs: nn.Linear(n_inputs, n_outputs),
        lambda *, input_shape, n_outputs: nn.Linear(input_shape[0], n_outputs),
        lambda n_outputs, bias=True, **others: nn.Linear(6, n_outputs, bias),
        partial(nn.Linear, 6, 3),
    ],
)
def test_a_function_is_told_those_of_the_shapes_that_it_asks_for(module):
    net = ShrinkingClassifier(module, **QUICK).fit(X, Y)
    expected = ShrinkingClassifier(partial(nn.Linear, 6, 3), **QUICK).fit(X, Y)
    assert same(net, expected)


def test_an_instance_is_copied_and_every_fit_starts_from_its_weights():
    module = Net(N_FEATURES, N_CLASSES)
    before = copy.deepcopy(module.state_dict())
    begun = []

    class Begin(Callback):
        def on_train_begin(self, net, **kwargs):
            begun.append(copy.deepcopy(net.module_.state_dict()))

    net = ShrinkingClassifier(module, **QUICK, callbacks=[Begin()]).fit(X, Y)
    first = weights(net)
    net.fit(X, Y)
    assert all(torch.equal(a, b) for a, b in zip(first, weights(net), strict=True))
    assert net.module is module is not net.net_.module_
    torch.testing.assert_close(module.state_dict(), before, rtol=0, atol=0)
    torch.testing.assert_close(begun, [before, before], rtol=0, atol=0)
    assert not torch.equal(first[0], before["hidden.weight"])
    assert module.training


def test_statistics_of_an_instance_stay_its_own():
    module = batch_normed()
    ShrinkingClassifier(module, **QUICK).fit(X, Y)
    assert torch.equal(module[0].running_mean, torch.zeros(N_FEATURES))
    assert module[0].num_batches_tracked == 0


def test_an_instance_is_brought_to_the_dtype_of_the_fit():
    module = Net(N_FEATURES, N_CLASSES).half()
    net = ShrinkingClassifier(module, **QUICK, dtype="float64").fit(X, Y)
    assert {tensor.dtype for tensor in weights(net)} == {torch.float64}
    assert net.predict_proba(X).dtype == np.float64
    assert module.hidden.weight.dtype == torch.float16


def test_convolutions_get_images():
    def make(input_shape, n_outputs, n_filters=4):
        channels, height, width = input_shape
        flat = n_filters * (height - 2) * (width - 2)
        return nn.Sequential(
            nn.Conv2d(channels, n_filters, 3), nn.ReLU(), nn.Flatten(), nn.Linear(flat, n_outputs)
        )

    digits, y = load_digits(return_X_y=True)
    images = digits.reshape(-1, 1, 8, 8) / 16
    net = ShrinkingClassifier(make, lr=0.01, max_epochs=6, random_state=0)
    assert net.fit(images[:1300], y[:1300]).score(images[1300:], y[1300:]) > 0.9
    assert net.input_shape_ == (1, 8, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_sequences_stay_sequences(kind):
    def make(input_shape, n_inputs, n_outputs):
        length, n_channels = input_shape
        assert n_inputs == length * n_channels
        return nn.Sequential(
            nn.Linear(n_channels, 4), nn.Flatten(), nn.Linear(4 * length, n_outputs)
        )

    net = kind(make, **QUICK).fit(X.reshape(-1, 2, 3), Y)
    assert net.input_shape_ == (2, 3)
    assert net.predict(X.reshape(-1, 2, 3)).shape == (N_SAMPLES,)
    assert_array_equal(net.predict(X.reshape(-1, 2, 3).tolist()), net.predict(X.reshape(-1, 2, 3)))


def test_several_targets():
    targets = np.column_stack([X[:, 0], X[:, 1] - X[:, 2]])
    net = ShrinkingRegressor(Net, module__n_hidden=20, lr=0.02, random_state=0).fit(X, targets)
    assert net.predict(X).shape == (N_SAMPLES, 2)
    assert net.score(X, targets) > 0.8


def test_squared_error_takes_outputs_in_the_unit_interval():
    def make(n_inputs, n_outputs):
        return nn.Sequential(nn.Linear(n_inputs, n_outputs), nn.Sigmoid())

    net = ShrinkingClassifier(make, loss="squared_error", lr=0.05, random_state=0).fit(X, Y)
    outputs = net.net_.module_.eval()(torch.from_numpy(X)).detach().numpy()
    expected = outputs / outputs.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net.predict_proba(X), expected, rtol=1e-5)
    assert net.score(X, Y) > 0.55
    regressor = ShrinkingRegressor(make, output_activation="sigmoid", lr=0.05, random_state=0)
    predicted = regressor.fit(X, Y / 2).predict(X)
    assert 0 < predicted.min() < predicted.max() < 1


# Parameters of the module


def test_parameters_of_the_module_in_every_place():
    in_constructor = ShrinkingClassifier(Net, module__n_hidden=7, **QUICK).fit(X, Y)
    as_dict = ShrinkingClassifier(Net, module_params={"n_hidden": 7}, **QUICK).fit(X, Y)
    set_later = ShrinkingClassifier(Net, **QUICK).set_params(module__n_hidden=7).fit(X, Y)
    by_partial = ShrinkingClassifier(partial(Net, n_hidden=7), **QUICK).fit(X, Y)
    assert in_constructor.net_.module_.hidden.out_features == 7
    for other in (as_dict, set_later, by_partial):
        assert same(in_constructor, other)


def test_parameters_of_the_module_are_read_as_they_were_given():
    given = {"n_hidden": 7}
    net = ShrinkingClassifier(Net, module_params=given, module__dropout=0.5)
    assert net.module_params == {"n_hidden": 7, "dropout": 0.5}
    assert given == {"n_hidden": 7}
    deep, shallow = net.get_params(), net.get_params(deep=False)
    assert (deep["module__n_hidden"], deep["module__dropout"]) == (7, 0.5)
    assert not any(name.startswith("module__") for name in shallow)
    assert shallow["module_params"] == net.module_params
    net.set_params(module__n_hidden=9, s=0.3)
    assert net.module_params == {"n_hidden": 9, "dropout": 0.5}
    assert net.s == 0.3
    net.set_params(module_params={"n_hidden": 1}, module__dropout=0.1)
    assert net.module_params == {"n_hidden": 1, "dropout": 0.1}
    net.set_params(**net.get_params())
    assert net.module_params == {"n_hidden": 1, "dropout": 0.1}


def test_what_is_given_goes_before_what_the_data_say():
    module = nn.Linear(N_FEATURES, 5)
    net = ShrinkingClassifier(Net, module__n_inputs=N_FEATURES, module__n_outputs=5)
    with pytest.raises(ValueError, match=r"\(n_samples, 3\).* Got \(1, 5\) for one row"):
        net.fit(X, Y)
    with pytest.raises(ValueError, match=r"\(n_samples, 3\).* Got \(1, 5\) for one row"):
        ShrinkingClassifier(module).fit(X, Y)


def test_unknown_parameters_of_the_estimator_are_refused_and_nothing_is_set():
    net = ShrinkingClassifier(Net)
    with pytest.raises(ValueError, match="'n_hidden'"):
        net.set_params(module__dropout=0.5, n_hidden=3)
    assert net.module_params is None
    with pytest.raises(TypeError, match="n_hidden"):
        ShrinkingClassifier(Net, n_hidden=3)


def test_clones_have_the_parameters_of_the_module_and_are_independent():
    net = ShrinkingClassifier(Net, module__n_hidden=7, module_params={"dropout": 0.5}, **QUICK)
    again = clone(net.fit(X, Y))
    assert again.get_params() == net.get_params()
    assert not hasattr(again, "net_")
    assert same(net, clone(net).fit(X, Y))
    again.set_params(module__n_hidden=2)
    again.module_params["dropout"] = 0.1
    assert net.module_params == {"n_hidden": 7, "dropout": 0.5}


def test_clones_of_an_instance_have_a_module_of_their_own():
    net = ShrinkingClassifier(Net(N_FEATURES, N_CLASSES), **QUICK)
    again = clone(net)
    assert again.module is not net.module
    nn.init.zeros_(again.module.hidden.weight)
    assert net.module.hidden.weight.abs().min() > 0
    assert same(clone(net).fit(X, Y), net.fit(X, Y))


def test_a_repr_shows_the_parameters_of_the_module():
    net = ShrinkingClassifier(make_net, module__n_hidden=7)
    assert "module_params={'n_hidden': 7}" in repr(net)
    assert "n_hidden" in net._repr_html_()


def test_grid_search_over_parameters_of_the_module_in_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), ShrinkingClassifier(Net, **QUICK))
    grid = {"shrinkingclassifier__module__n_hidden": [2, 6], "shrinkingclassifier__s": [0, 0.3]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, Y)
    assert len(search.cv_results_["params"]) == 4
    chosen = search.best_params_["shrinkingclassifier__module__n_hidden"]
    assert search.best_estimator_[-1].net_.module_.hidden.out_features == chosen
    assert pipeline[-1].module_params is None


def test_grid_search_over_modules():
    grid = {"module": [Net, make_net, nn.Linear(N_FEATURES, N_CLASSES)]}
    search = GridSearchCV(ShrinkingClassifier(**QUICK), grid, cv=2, error_score="raise")
    assert search.fit(X, Y).best_estimator_.module is not None


# What is refused before training


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("module", "params", "message"),
    [
        (None, {}, "^The 'module' parameter of Shrinking.* Got None inst"),
        ("mlp", {}, "^The 'module' parameter of Shrinking.* Got 'mlp' inst"),
        (Net, {"module_params": [3]}, "'module_params' parameter"),
        (Net, {"module__depth": 3}, r"^module must take .* as module__<name>.*Net: .*'depth'"),
        (make_net, {"module__n_hidden": 3}, r"^module must take .*make_net: .*'n_hidden'"),
        (nn.Linear, {}, r"^module must .* want nothing else but n_inputs, .*Linear: .*in_features"),
        (
            lambda n_inputs, n_hidden: Net(n_inputs, 3, n_hidden),
            {},
            r"^module must .* want nothing else but n_inputs, input_shape, n_outputs.*'n_hidden'",
        ),
        (
            Net(6, 3),
            {"module__n_hidden": 3},
            r"to take \['n_hidden'\].* Got an instance of Net inst",
        ),
        (lambda: "net", {}, "^module must be or make an nn.Module. Got str instead"),
        (lambda: None, {}, "^module must be or make an nn.Module. Got NoneType instead"),
        (lambda: Net, {}, "^module must be or make an nn.Module. Got type instead"),
        (lambda: [nn.Linear(6, 3)], {}, "^module must be or make an nn.Module. Got list instead"),
        (
            nn.Linear(6, 4),
            {},
            r"^module must return outputs of shape .* Got \(1, 4\) for one row inst",
        ),
        (
            nn.Sequential(nn.Linear(6, 1), nn.Flatten(0)),
            {},
            r"^module must return outputs of shape \(n_samples, [13]\).* Got \(1,\) for",
        ),
        (nn.LSTM(6, 3), {}, r"^module must return outputs of shape .* Got tuple for"),
        (
            nn.Sequential(nn.Linear(6, 3), nn.Unflatten(1, (3, 1))),
            {},
            r"^module must return outputs of shape .* Got \(1, 3, 1\) for",
        ),
    ],
)
def test_what_makes_no_net_for_these_data_is_refused_before_training(kind, module, params, message):
    net = kind(module, **params)
    with pytest.raises((ValueError, TypeError), match=message):
        net.fit(X, Y)
    assert vars(net) == vars(kind(module, **params))


def test_a_check_of_the_outputs_leaves_no_trace():
    class Counting(Net):
        def forward(self, x):
            if self.training:
                seen.append(len(x))
            return super().forward(x)

    seen = []
    ShrinkingClassifier(Counting, s=0.0, batch_size=40, **QUICK).fit(X, Y)
    assert seen == [40, 40, 20] * 3


@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 6, 1), (5, 1, 6), (5, 7), (5, 3)])
def test_rows_of_another_shape_than_those_of_the_fit_are_refused(shape):
    net = ShrinkingClassifier(Net, **QUICK).fit(X, Y)
    message = "X has .* ShrinkingClassifier is expecting .* as input"
    with pytest.raises(ValueError, match=message):
        net.predict(np.zeros(shape))
    with pytest.raises(ValueError, match=message):
        net.partial_fit(np.zeros(shape), Y[:5])


@pytest.mark.parametrize("shape", [(5, 6), (5, 3, 2), (5, 2, 3, 1), (5, 1, 2, 3)])
def test_rows_of_another_shape_than_the_arrays_of_the_fit_are_refused(shape):
    net = ShrinkingClassifier(nn.Sequential(nn.Flatten(), nn.Linear(6, 3)), **QUICK)
    net.fit(X.reshape(-1, 2, 3), Y)
    message = f"X has rows of shape {shape[1:]}, but .* expecting rows of shape (2, 3) as input"
    with pytest.raises(ValueError, match=re.escape(message).replace(r"\.\*", "[a-zA-Z ]*")):
        net.predict(np.zeros(shape))


def test_a_refit_may_be_on_rows_of_another_shape():
    net = ShrinkingClassifier(lambda n_inputs: nn.Sequential(nn.Flatten(), nn.Linear(n_inputs, 3)))
    net.set_params(**QUICK).fit(X, Y).fit(X[:, :4].reshape(-1, 2, 2), Y)
    assert net.input_shape_ == (2, 2)
    assert net.predict(X[:, :4].reshape(-1, 2, 2)).shape == (N_SAMPLES,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "params",
    [
        {"module__depth": 3},
        {"module__n_outputs": 4},
        {"module": lambda: None},
        {"module": lambda: nn.Linear(4, 7)},
        {"module": lambda: nn.Linear(5, 3)},
        {"module": None},
    ],
    ids=["unknown", "outputs", "nothing", "other outputs", "other inputs", "none"],
)
def test_a_failed_refit_leaves_everything_as_it_was(kind, params):
    net = kind(Net, **QUICK).fit(X, Y)
    before, predicted = vars(net).copy(), net.predict(X)
    # Other features and other targets, so that whatever is kept of them can be seen.
    with pytest.raises((ValueError, RuntimeError)):
        net.set_params(**params).fit(X[:, :4], 1000 * (np.arange(N_SAMPLES) % 2))
    net.set_params(module=Net, module_params=None)
    assert vars(net).keys() == before.keys()
    assert [name for name, value in before.items() if getattr(net, name) is not value] == []
    assert_array_equal(net.predict(X), predicted)


# Batch norm of torch's own, which refuses single rows


def batch_normed():
    return nn.Sequential(nn.BatchNorm1d(N_FEATURES), nn.Linear(N_FEATURES, N_CLASSES))


@pytest.mark.parametrize("alpha", [0.5, None])
def test_a_last_batch_of_one_row_is_left_for_another_epoch(alpha):
    net = ShrinkingClassifier(batch_normed(), batch_size=32, alpha=alpha, max_epochs=12)
    net.set_params(random_state=0).fit(X[:65], Y[:65])
    assert sizes(net)[0] == sizes(net)[-1] == 64
    assert all(size % 32 != 1 for size in sizes(net))
    assert len(sizes(net)) == 12


@pytest.mark.parametrize("warm_start", [False, True])
def test_batches_of_single_rows_are_a_clear_error_before_any_work(warm_start):
    message = r"^The module's batch norm needs batches of at least 2 rows\. Got n_samples={} and"
    net = ShrinkingClassifier(batch_normed(), batch_size=1, warm_start=warm_start)
    before = dict(vars(net))
    with pytest.raises(ValueError, match=message.format(100)):
        net.fit(X, Y)
    with pytest.raises(ValueError, match=message.format(1)):
        net.partial_fit(X[:1], Y[:1], classes=[0, 1, 2])
    assert vars(net) == before
    trained = net.set_params(batch_size=32, max_epochs=1).fit(X, Y).net_
    predicted = net.predict(X)
    with pytest.raises(ValueError, match=message.format(100)):
        net.set_params(batch_size=1).fit(X, Y)
    assert net.net_ is trained
    assert_array_equal(net.predict(X), predicted)


# Being an ordinary estimator


@pytest.mark.parametrize("copies", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
@pytest.mark.parametrize("module", [Net(6, 3), make_net])
def test_copies_predict_the_same_and_go_on_the_same(copies, module):
    net = ShrinkingClassifier(module, **QUICK).fit(X, Y)
    again = copies(net)
    assert_array_equal(net.predict(X), again.predict(X))
    assert same(net.partial_fit(X, Y), again.partial_fit(X, Y))


def test_warm_start_of_an_instance_goes_on_and_leaves_it_alone():
    module = Net(N_FEATURES, N_CLASSES)
    before = copy.deepcopy(module.state_dict())
    net = ShrinkingClassifier(module, **QUICK, warm_start=True).fit(X, Y)
    first = weights(net)
    assert not torch.equal(net.fit(X, Y).net_.module_.hidden.weight, first[0])
    torch.testing.assert_close(module.state_dict(), before, rtol=0, atol=0)


# When something goes wrong in the middle


class Failure(Exception):
    """The user's own."""


class Failing(Net):
    """A net that fails in its tenth batch of training, of five an epoch."""

    def __init__(self, n_inputs, n_outputs, error=Failure):
        super().__init__(n_inputs, n_outputs)
        self.error, self.n_batches = error, 0

    def forward(self, x):
        self.n_batches += self.training
        if self.training and self.n_batches == 10:
            raise self.error("tenth batch")
        return super().forward(x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [Failure, RuntimeError, ZeroDivisionError, SystemExit])
def test_an_error_of_the_module_comes_out_and_history_has_complete_epochs(kind, error):
    net = kind(Failing, module__error=error, batch_size=20, s=0.0, random_state=0)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    with pytest.raises(error, match=r"^tenth batch$") as raised:
        net.fit(X, Y)
    assert raised.type is error
    assert sizes(net) == [N_SAMPLES]
    assert len(net.loss_curve_) == net.n_iter_ == len(net.net_.history) == 1
    assert net.predict(X).shape == (N_SAMPLES,)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_a_scheduler_that_raises_raises_its_own_error():
    class Scheduler(torch.optim.lr_scheduler.LambdaLR):
        def __init__(self, optimizer):
            super().__init__(optimizer, lambda epoch: 1.0)

        def step(self, epoch=None):
            if self.last_epoch == 2:
                raise Failure("third epoch")
            super().step()

    net = ShrinkingClassifier(Net, lr_schedule=Scheduler, max_epochs=5, random_state=0)
    with pytest.raises(Failure, match="third epoch"):
        net.fit(X, Y)
    assert all("train_loss" in row for row in net.history_)


def test_an_interrupted_fit_warns_and_is_usable():
    net = ShrinkingClassifier(
        Failing, module__error=KeyboardInterrupt, batch_size=20, s=0.0, random_state=0
    )
    with pytest.warns(UserWarning, match="interrupted after 1 complete epochs"):
        net.fit(X, Y)
    assert sizes(net) == [N_SAMPLES]
    assert net.predict(X).shape == (N_SAMPLES,)


def test_a_module_for_other_rows_is_refused_with_its_own_words():
    X = np.random.default_rng(0).normal(size=(20, 5)).astype("f")
    net = ShrinkingClassifier(nn.Linear(7, 2))
    with pytest.raises(ValueError, match=r"module must take rows of shape \(5,\).*Linear raises"):
        net.fit(X, np.arange(20) % 2)
    assert not hasattr(net, "net_")
