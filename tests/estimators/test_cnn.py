"""Convolutional nets: which images the rows are, and what the layers make of them."""

from __future__ import annotations

import copy
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sk_sdlr import ShrinkingCNNClassifier, ShrinkingCNNRegressor
from sk_sdlr.datasets import load_mnist
from tests.estimators.helpers import same, sizes

TINY = [("conv", 4, 3), ("relu",), ("max_pool", 2)]
QUICK = {"layers": TINY, "max_epochs": 3, "random_state": 0}
KINDS = [ShrinkingCNNClassifier, ShrinkingCNNRegressor]


@pytest.fixture(scope="module")
def flat(digits):
    return digits[0][:300]


@pytest.fixture(scope="module")
def images(flat):
    return flat.reshape(-1, 1, 8, 8)


@pytest.fixture(scope="module")
def y(digits):
    return digits[1][:300]


# What it learns


def test_layers_of_ones_own_read_digits(digits):
    X, X_test, y, y_test = train_test_split(*digits, random_state=0)
    layers = (("conv", 8, 3, "same"), ("relu",), ("avg_pool", 2), ["conv", 16, (3, 2)], ("silu",))
    net = ShrinkingCNNClassifier(layers, lr=0.01, max_epochs=10, random_state=0).fit(X, y)
    assert net.score(X_test, y_test) > 0.97
    n_active = sizes(net)
    assert sum(n_active) < 0.9 * len(X) * len(n_active)


@pytest.mark.data
@pytest.mark.slow
def test_the_papers_net_reads_mnist(real_home):
    X, y = load_mnist("train", return_X_y=True, download=False)
    X_test, y_test = load_mnist("test", return_X_y=True, download=False)
    net = ShrinkingCNNClassifier("mnist", max_epochs=3, random_state=0).fit(X[:5000], y[:5000])
    assert net.image_shape_ == (1, 28, 28)
    assert net.score(X_test[:2000], y_test[:2000]) > 0.95


def test_regressor_learns_several_targets(digits):
    X, _ = digits
    halves = np.column_stack([X[:, :32].mean(1), X[:, 32:].mean(1)])
    net = ShrinkingCNNRegressor(TINY, dropout=0.0, lr=0.01, max_epochs=10, random_state=0)
    predicted = net.fit(X[:1400], halves[:1400]).predict(X[1400:])
    assert predicted.shape == halves[1400:].shape
    assert net.score(X[1400:], halves[1400:]) > 0.7


# Which images


@pytest.mark.parametrize("kind", KINDS)
def test_flat_rows_and_images_give_the_same_bits(kind, flat, images, y):
    on_flat, on_images = kind(**QUICK).fit(flat, y), kind(**QUICK).fit(images, y)
    assert same(on_flat, on_images)
    assert on_flat.loss_curve_ == on_images.loss_curve_
    assert on_flat.n_features_in_ == on_images.n_features_in_ == 64
    assert on_flat.image_shape_ == on_images.image_shape_ == (1, 8, 8)
    for net in (on_flat, on_images):
        assert_array_equal(net.predict(flat), net.predict(images))


def test_lists_tensors_and_integers_are_taken(flat, images, y):
    X = (16 * images).astype("uint8")
    before = X.copy()
    net = ShrinkingCNNClassifier(**QUICK).fit(X, y)
    assert_array_equal(X, before)
    assert same(net, ShrinkingCNNClassifier(**QUICK).fit(16 * flat, y))
    assert same(net, ShrinkingCNNClassifier(**QUICK).fit(torch.from_numpy(X), y))
    assert same(net, ShrinkingCNNClassifier(**QUICK).fit(X.tolist(), y.tolist()))
    expected = net.predict_proba(X)
    assert_array_equal(net.predict_proba(X.tolist()), expected)
    assert_array_equal(net.predict_proba(torch.from_numpy(X)), expected)


def test_flat_rows_are_of_the_shape_that_is_said():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3, 4, 5)).astype("f"), np.arange(60) % 2
    net = ShrinkingCNNClassifier(**QUICK, image_shape=[3, 4, 5]).fit(X.reshape(60, -1), y)
    assert net.image_shape_ == (3, 4, 5)
    assert same(net, ShrinkingCNNClassifier(**QUICK).fit(X, y))
    assert_array_equal(net.predict_proba(X), net.predict_proba(X.reshape(60, -1)))


def test_rows_that_are_no_square_are_signals():
    t = np.linspace(0, 1, 50, dtype="f")
    phase = np.random.default_rng(0).uniform(0, 6, size=(200, 1)).astype("f")
    y = np.arange(200) % 2
    X = np.sin(np.where(y[:, None], 40, 20) * t + phase)
    layers = [("conv", 8, (1, 7)), ("relu",), ("max_pool", (1, 2))]
    net = ShrinkingCNNClassifier(layers, lr=0.01, random_state=0).fit(X[:150], y[:150])
    assert net.image_shape_ == (1, 1, 50)
    assert net.score(X[150:], y[150:]) > 0.9
    small = ShrinkingCNNClassifier(max_epochs=1, random_state=0).fit(X, y)
    assert small.predict(X).shape == (200,)


OTHERS = [
    ((5, 1, 9, 9), "(1, 9, 9)"),
    ((5, 8, 8, 1), "(8, 8, 1)"),
    ((5, 2, 8, 8), "(2, 8, 8)"),
    ((5, 1, 4, 16), "(1, 4, 16)"),
    ((5, 8, 8), "(8, 8)"),
    ((5, 64, 1, 1), "(64, 1, 1)"),
    ((5, 1, 1, 8, 8), "(1, 1, 8, 8)"),
    ((5, 65), "65 features"),
    ((5, 16), "16 features"),
]


@pytest.mark.parametrize("fitted_on", ["flat", "images"])
def test_other_images_than_those_of_the_fit_are_refused(request, fitted_on, y):
    net = ShrinkingCNNClassifier(**QUICK, warm_start=True)
    net.fit(request.getfixturevalue(fitted_on), y)
    expected = r"(images of shape \(1, 8, 8\) or )?64 features as input"
    for shape, got in OTHERS:
        message = rf"{re.escape(got)}.*ShrinkingCNNClassifier is expecting {expected}"
        for method, targets in (("predict", ()), ("partial_fit", (y[:5],)), ("fit", (y[:5],))):
            with pytest.raises(ValueError, match=message):
                getattr(net, method)(np.zeros(shape), *targets)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((5, 8, 8)), r"X must be flat rows.*rows of shape \(8, 8\).*X\[:, None\]"),
        (np.zeros((5, 1, 1, 8, 8)), r"X must be flat rows.*rows of shape \(1, 1, 8, 8\)"),
        (np.zeros((5, 8, 8, 1)), "X must have its channels first"),
        (np.zeros(64), "Expected 2D array"),
        (np.full((5, 1, 8, 8), np.nan), "NaN"),
        (np.zeros((0, 64)), "0 sample"),
        (np.zeros((0, 1, 8, 8)), "0 sample"),
        (np.zeros((5, 0)), "0 feature"),
        (np.zeros((5, 1, 0, 8)), "0 feature"),
    ],
)
def test_data_that_are_no_images_are_refused_before_any_work(X, message):
    net = ShrinkingCNNClassifier()
    with pytest.raises(ValueError, match=message):
        net.fit(X, np.arange(len(X)) % 2)
    assert vars(net) == vars(ShrinkingCNNClassifier())


def test_no_images_are_refused_in_prediction(flat, images, y):
    net = ShrinkingCNNClassifier(**QUICK).fit(flat, y)
    for empty in (flat[:0], images[:0]):
        with pytest.raises(ValueError, match="0 sample"):
            net.predict(empty)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"layers": "lenet"}, r"^The 'layers' parameter of CNN must be .*\. Got 'lenet' instead"),
        (
            {"layers": [("dense", 5)]},
            r"^The 'layers\[0\]' parameter of CNN must be one of .*\('dense', 5\)",
        ),
        ({"layers": [("conv", 5)]}, r"^The 'layers\[0\]' parameter of CNN must .*\('conv', 5\)"),
        ({"layers": "mnist"}, r"50 features and image_shape is None.* shape \(1, 1, 50\); image_s"),
        (
            {"layers": "mnist", "image_shape": (1, 5, 10)},
            r"20 maps of 1 x 3 pixels\. Got .*50, 5\) ins",
        ),
        ({"image_shape": (1, 5, 9)}, r"^X must have rows of shape image_shape=\(1, 5, 9\) or 45"),
    ],
)
def test_layers_and_shapes_that_do_not_fit_are_told_before_any_work(flat, y, params, message):
    net = ShrinkingCNNClassifier(**params)
    with pytest.raises(ValueError, match=message):
        net.fit(flat[:, :50], y)
    assert vars(net) == vars(ShrinkingCNNClassifier(**params))


@pytest.mark.parametrize(
    ("params", "change"),
    [
        ({"image_shape": (3, 8, 8)}, {}),
        ({"image_shape": (6, 6, 1)}, {}),
        ({"layers": "mnist"}, {}),
        ({"layers": [("conv", 4)]}, {}),
        ({"s": 2.0}, {}),
        ({}, {"y": np.full(300, np.nan)}),
        ({}, {"y": np.zeros(200)}),
        ({}, {"y": np.array([["a", "b"]] * 300)}),
        ({}, {"sample_weight": -np.ones(300)}),
        ({}, {"sample_weight": np.zeros(300)}),
        ({}, {"X": np.full((300, 36), np.inf)}),
        ({"early_stopping": True, "validation_fraction": 0.999}, {}),
    ],
)
def test_a_failed_refit_leaves_everything_as_it_was(params, change, flat, y):
    net = ShrinkingCNNRegressor(**QUICK).fit(flat, y)
    before, predicted = vars(net).copy(), net.predict(flat)
    # Other features and other targets, so that whatever is kept of them can be seen.
    data = {"X": flat[:, :36], "y": 1000.0 * (y % 3)} | change
    net.set_params(**params)
    with pytest.raises((ValueError, TypeError)):
        net.fit(**data)
    net.set_params(**{name: before[name] for name in params})
    assert vars(net).keys() == before.keys()
    assert [name for name, value in before.items() if getattr(net, name) is not value] == []
    assert_array_equal(net.predict(flat), predicted)


def test_a_refit_may_be_on_other_images(flat, y):
    net = ShrinkingCNNClassifier(**QUICK).fit(flat, y).fit(flat[:, :36], y)
    assert net.image_shape_ == (1, 6, 6)
    assert same(net, ShrinkingCNNClassifier(**QUICK).fit(flat[:, :36], y))


# The net


def test_parameters_reach_the_net(flat, y):
    layers = [*TINY, ("linear", 7)]
    net = ShrinkingCNNClassifier(layers, dropout=0.4, batch_norm=True, max_epochs=1).fit(flat, y)
    modules = list(net.net_.module_.modules())
    assert {m.p for m in modules if isinstance(m, nn.Dropout)} == {0.4}
    assert sum(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in modules) == 2
    assert [m.out_features for m in modules if isinstance(m, nn.Linear)] == [7, 10]
    net.set_params(dropout=0.0, batch_norm=False, loss="squared_error").fit(flat, y)
    modules = list(net.net_.module_.modules())
    assert not any(isinstance(m, nn.Dropout | nn.BatchNorm2d) for m in modules)
    assert net.net_.module_.output_activation == "sigmoid"
    assert_allclose(net.predict_proba(flat).sum(axis=1), 1, rtol=1e-5)


def test_weights_are_laid_out_with_channels_last_on_the_cpu(y):
    X = np.random.default_rng(0).normal(size=(300, 3, 8, 8))
    net = ShrinkingCNNClassifier(**QUICK, device="cpu").fit(X, y)
    weight = net.net_.module_.layers[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    x = torch.from_numpy(X.astype("f"))
    plain = copy.deepcopy(net.net_.module_).to(memory_format=torch.contiguous_format).eval()
    expected = plain(x).softmax(1).detach().numpy()
    assert_allclose(net.predict_proba(X), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 13, 300, 1000])
def test_any_batch_size_works(batch_size, images, y):
    X, y = images[::6], y[::6]  # 50 rows
    net = ShrinkingCNNClassifier("small", batch_size=batch_size, max_epochs=2, random_state=0)
    assert net.fit(X, y).predict(X).shape == (50,)


# Being an ordinary estimator


def test_grid_search_over_s_and_layers(flat, y):
    grid = {"s": [0.0, 0.3], "layers": [TINY, "small", (("linear", 5),)]}
    net = ShrinkingCNNClassifier(max_epochs=1, random_state=0)
    search = GridSearchCV(net, grid, cv=2, error_score="raise").fit(flat, y)
    assert len(search.cv_results_["params"]) == 6
    assert search.best_estimator_.layers in grid["layers"]


def test_pipeline_on_flat_rows(flat, y):
    model = make_pipeline(StandardScaler(), ShrinkingCNNClassifier(**QUICK)).fit(flat, y)
    assert model[-1].image_shape_ == (1, 8, 8)
    scaled = StandardScaler().fit_transform(flat)
    assert same(model[-1], ShrinkingCNNClassifier(**QUICK).fit(scaled, y))


def test_partial_fit_takes_flat_rows_of_the_images_it_knows():
    X, y = np.random.default_rng(0).normal(size=(60, 3, 4, 5)).astype("f"), np.arange(60) % 2
    nets = [ShrinkingCNNClassifier(**QUICK).partial_fit(X, y, classes=[0, 1]) for _ in range(2)]
    assert same(nets[0].partial_fit(X, y), nets[1].partial_fit(X.reshape(60, 60), y))
    with pytest.raises(ValueError, match=r"The 'image_shape' parameter of .* left at \(3, 4, 5\)"):
        nets[1].set_params(image_shape=(4, 3, 5)).partial_fit(X.reshape(60, 60), y)


def test_partial_fit_visits_each_image_once(flat, images, y):
    net = ShrinkingCNNClassifier(**QUICK)
    net.partial_fit(images[:100], y[:100], classes=range(10))
    net.partial_fit(flat[100:], y[100:])
    assert sizes(net) == [100, 200]
    twin = ShrinkingCNNClassifier(**QUICK).partial_fit(flat[:100], y[:100], classes=range(10))
    assert same(net, twin.partial_fit(images[100:], y[100:]))


def test_equal_images_are_merged_while_all_make_one_batch(images, y):
    one = ShrinkingCNNClassifier(**QUICK).fit(
        np.repeat(images[:10], 2, axis=0), np.repeat(y[:10], 2)
    )
    assert sizes(one)[0] == 10
    weighted = ShrinkingCNNClassifier(**QUICK).fit(images[:10], y[:10], sample_weight=[2.0] * 10)
    assert same(one, weighted)
