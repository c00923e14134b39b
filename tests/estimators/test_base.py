"""Bad input: a clear error before any work, nothing left half-done."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sk_sdlr import ShrinkingDNNClassifier, ShrinkingDNNRegressor, ShrinkRecall
from sk_sdlr.estimators import _devices

X = np.random.default_rng(0).normal(size=(40, 3)).astype("f")
Y = np.arange(40) % 2
CLASSES_FIRST = (ShrinkingDNNClassifier, "partial_fit")


def with_bad_value(value):
    bad = X.copy()
    bad[7, 1] = value
    return bad


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("s", -0.1),
        ("s", 1.0),
        ("s", "0.2"),
        ("s", np.nan),
        ("t", 0),
        ("t", 0.0),
        ("t", -5),
        ("t", 1.5),
        ("t", "half"),
        ("t", None),
        ("alpha", 1.0),
        ("alpha", -0.5),
        ("alpha", "0.5"),
        ("recall", "yes"),
        ("policy", "shrink"),
        ("policy", ShrinkRecall),
        ("activation", "softplus"),
        ("output_activation", "tanh"),
        ("loss", "hinge"),
        ("optimizer", "lion"),
        ("lr", 0.0),
        ("lr", -1.0),
        ("momentum", 1.0),
        ("weight_decay", -1.0),
        ("lr_schedule", "step"),
        ("anneal", 1.5),
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("max_epochs", 0),
        ("max_visits", 0),
        ("hidden_layer_sizes", 0),
        ("hidden_layer_sizes", (5, -1)),
        ("hidden_layer_sizes", (5, 2.5)),
        ("dropout", 1.0),
        ("batch_norm", "no"),
        ("validation_fraction", 1.0),
        ("n_iter_no_change", 0),
        ("tol", -1.0),
        ("device", "tpu"),
        ("device", 3.5),
        ("precision", "float8"),
        ("n_threads", 0),
        ("warm_start", "yes"),
        ("callbacks", "all"),
        ("random_state", "zero"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", [ShrinkingDNNClassifier, ShrinkingDNNRegressor])
def test_bad_parameter_is_named_with_its_value_before_any_work(kind, method, parameter, value):
    estimator = kind(**{parameter: value})
    classes = {"classes": [0, 1]} if (kind, method) == CLASSES_FIRST else {}
    with pytest.raises((ValueError, TypeError)) as raised:
        getattr(estimator, method)(X, Y, **classes)
    assert parameter in str(raised.value)
    assert str(value) in str(raised.value)
    assert not hasattr(estimator, "net_")


@pytest.mark.parametrize(
    ("features", "targets", "message"),
    [
        (with_bad_value(np.nan), Y, "NaN"),
        (with_bad_value(np.inf), Y, "infinity"),
        (X.astype("f8") * 1e300, Y, "too large for dtype"),
        (X, np.where(Y, np.nan, 0.0), "NaN"),
        (X, np.where(Y, np.inf, 0.0), "infinity"),
        (X, Y[:30], "inconsistent numbers of samples"),
        (X[:0], Y[:0], "0 sample"),
        (X[:, 0], Y, "Expected 2D array"),
        (X, None, "requires y to be passed"),
    ],
)
@pytest.mark.parametrize("kind", [ShrinkingDNNClassifier, ShrinkingDNNRegressor])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, on the way to the error
def test_bad_data_are_refused_before_any_work(kind, features, targets, message):
    estimator = kind()
    with pytest.raises(ValueError, match=message):
        estimator.fit(features, targets)
    assert not hasattr(estimator, "net_")


def test_one_class_only_is_refused():
    with pytest.raises(ValueError, match=r"at least two classes in y.* one class only, 1"):
        ShrinkingDNNClassifier().fit(X, np.ones(40, dtype=int))


def test_continuous_classes_are_refused():
    with pytest.raises(ValueError, match="Unknown label type"):
        ShrinkingDNNClassifier().fit(X, X[:, 0])


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        ShrinkingDNNClassifier().fit(X, Y, sample_weight=-np.ones(40))


def test_loss_and_output_that_do_not_go_together_are_refused():
    net = ShrinkingDNNClassifier(loss="cross_entropy", output_activation="sigmoid")
    with pytest.raises(ValueError, match="loss='cross_entropy' with output_activation='sigmoid'"):
        net.fit(X, Y)


def test_sigmoid_targets_outside_the_unit_interval_are_refused():
    with pytest.raises(ValueError, match=r"targets in \[0, 1\].*y is in \[0, 2\]"):
        ShrinkingDNNRegressor(output_activation="sigmoid").fit(X, 2.0 * Y)


def test_partial_fit_needs_the_classes_first():
    with pytest.raises(ValueError, match="classes must be passed"):
        ShrinkingDNNClassifier().partial_fit(X, Y)


def test_a_bad_second_fit_leaves_the_first_in_place():
    net = ShrinkingDNNClassifier(random_state=0, max_epochs=1).fit(X, Y)
    before = net.predict_proba(X)
    for bad in (with_bad_value(np.nan), X[:30]):
        with pytest.raises(ValueError, match=r"NaN|inconsistent"):
            net.fit(bad, Y)
    with pytest.raises(ValueError, match="'s'"):
        net.set_params(s=2.0).fit(X, Y)
    np.testing.assert_array_equal(net.predict_proba(X), before)


@pytest.mark.parametrize("batch_size", [1, 7, 40, 1000])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_any_batch_size_works(batch_size, batch_norm):
    net = ShrinkingDNNClassifier(
        (8,), batch_size=batch_size, batch_norm=batch_norm, max_epochs=3, random_state=0
    )
    assert net.fit(X, Y).predict(X).shape == (40,)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"device='cuda:1' is not there .* machine has .*cpu"):
        ShrinkingDNNClassifier(device="cuda:1").fit(X, Y)


def test_float64_keeps_auto_off_mps(monkeypatch):
    monkeypatch.setattr(_devices, "_available", lambda: ["mps", "cpu"])
    assert _devices.resolve_device("auto") == "mps"
    assert _devices.resolve_device("auto", "float64") == "cpu"
    with pytest.raises(ValueError, match="'mps' is not there for precision='float64'"):
        _devices.resolve_device("mps", "float64")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_auto_takes_the_gpu():
    net = ShrinkingDNNClassifier(max_epochs=2, random_state=0).fit(X, Y)
    assert next(net.net_.module_.parameters()).device.type == "cuda"
    assert net.predict(X).shape == (40,)


@pytest.mark.parametrize("kind", [ShrinkingDNNClassifier, ShrinkingDNNRegressor])
def test_precision_that_is_set_after_a_fit_is_for_the_next_one(kind):
    estimator = kind((4,), max_epochs=1, random_state=0).fit(X, Y)
    before = estimator.predict(X)
    estimator.set_params(precision="float64")
    np.testing.assert_array_equal(estimator.predict(X), before)
    estimator.set_params(warm_start=True).fit(X, Y)
    assert estimator.net_.module_.linears[0].weight.dtype == torch.float32
    estimator.set_params(warm_start=False).fit(X, Y)
    assert estimator.net_.module_.linears[0].weight.dtype == torch.float64


def test_weights_are_of_the_nets_type_after_a_change_of_precision():
    estimator = ShrinkingDNNClassifier((4,), max_epochs=1, warm_start=True, random_state=0)
    estimator.fit(X, Y)
    weight = np.linspace(0.5, 2, len(Y))
    estimator.set_params(precision="float64").fit(X, Y, sample_weight=weight)
    assert estimator.net_.module_.linears[0].weight.dtype == torch.float32
