"""The parameters of an estimator: kept as given, and refused by name when it is fitted."""

from __future__ import annotations

import copy
import pickle
import re
from inspect import signature

import numpy as np
import pytest
from sklearn.base import clone

from sk_sdlr import ShrinkingDNNRegressor, ShrinkRecall, estimators
from sk_sdlr.estimators import (
    ShrinkingClassifier,
    ShrinkingCNNClassifier,
    ShrinkingDBNClassifier,
    ShrinkingDNNClassifier,
)

KINDS = [getattr(estimators, name) for name in estimators.__all__]
X = np.random.default_rng(0).random((40, 3)).astype("f")
Y = np.arange(40) % 2


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_kept_as_they_are_given(kind):
    parameters = signature(kind).parameters
    assert vars(kind()) == {name: parameter.default for name, parameter in parameters.items()}
    given = {name: object() for name in parameters}
    assert vars(kind(**given)) == kind(**given).get_params(deep=False) == given


@pytest.mark.parametrize("kind", KINDS)
def test_bare_estimators_can_be_copied(kind):
    for copies in (clone, copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))):
        again = copies(kind(s=0.3, random_state=7))
        assert type(again) is kind
        assert vars(again) == vars(kind(s=0.3, random_state=7))


@pytest.mark.parametrize("kind", KINDS)
def test_a_repr_shows_what_is_not_the_default(kind):
    assert repr(kind()) == f"{kind.__name__}()"
    assert repr(kind(s=0.3)) == f"{kind.__name__}(s=0.3)"
    assert kind.__name__ in kind()._repr_html_()


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_net_may_be_given_without_its_name(kind):
    first, *others = signature(kind).parameters.values()
    assert first.name in ("hidden_layer_sizes", "layers", "module")
    assert {parameter.kind for parameter in others} == {first.KEYWORD_ONLY}
    assert getattr(kind("net"), first.name) == "net"
    with pytest.raises(TypeError):
        kind("net", 0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_a_constraint_that_its_default_meets(kind):
    assert kind._parameter_constraints.keys() == signature(kind).parameters.keys()
    net = kind() if "module" not in vars(kind()) else kind(len)
    net._validate_params()


def test_estimators_are_equal_to_themselves_alone():
    assert ShrinkingDNNClassifier() != ShrinkingDNNClassifier()
    assert len({ShrinkingDNNClassifier(), ShrinkingDNNClassifier()}) == 2


BAD = [
    (ShrinkingDNNClassifier, "s", [-0.1, 1.0, "0.2", np.nan]),
    (ShrinkingDNNClassifier, "t", [0, 0.0, -5, 1.5, "half", "AUTO", "", None]),
    (ShrinkingDNNClassifier, "alpha", [1.0, -0.5, "0.5"]),
    (ShrinkingDNNClassifier, "policy", ["shrink"]),
    (ShrinkingDNNClassifier, "optimizer", ["lion"]),
    (ShrinkingDNNClassifier, "lr", [0.0, -1.0]),
    (ShrinkingDNNClassifier, "momentum", [1.0]),
    (ShrinkingDNNClassifier, "betas", [0.9, (0.9,), [0.9, 1.0], (-0.1, 0.9), (0.9, "a"), None]),
    (ShrinkingDNNClassifier, "weight_decay", [-1.0]),
    (ShrinkingDNNClassifier, "lr_schedule", ["step"]),
    (ShrinkingDNNClassifier, "weight_average", [0, 1.0, "auto"]),
    (ShrinkingDNNClassifier, "full_at_end", [1.5]),
    (ShrinkingDNNClassifier, "batch_size", [0, 2.5]),
    (ShrinkingDNNClassifier, "max_epochs", [0]),
    (ShrinkingDNNClassifier, "max_passes", [0]),
    (ShrinkingDNNClassifier, "early_stopping", ["yes"]),
    (ShrinkingDNNClassifier, "validation_fraction", [1.0]),
    (ShrinkingDNNClassifier, "n_iter_no_change", [0]),
    (ShrinkingDNNClassifier, "tol", [-1.0]),
    (ShrinkingDNNClassifier, "device", [3.5]),
    (ShrinkingDNNClassifier, "dtype", ["float8"]),
    (ShrinkingDNNClassifier, "n_threads", [0]),
    (ShrinkingDNNClassifier, "warm_start", ["yes"]),
    (ShrinkingDNNClassifier, "callbacks", ["all"]),
    (ShrinkingDNNClassifier, "verbose", ["yes"]),
    (ShrinkingDNNClassifier, "random_state", ["zero"]),
    (ShrinkingDNNClassifier, "hidden_layer_sizes", [0, (5, -1), (5, 2.5)]),
    (ShrinkingDNNClassifier, "activation", ["softplus"]),
    (ShrinkingDNNClassifier, "dropout", [1.0]),
    (ShrinkingDNNClassifier, "batch_norm", ["no"]),
    (ShrinkingDNNClassifier, "n_members", [0, 1.5]),
    (ShrinkingDNNClassifier, "scaling", ["yes"]),
    (ShrinkingDNNClassifier, "loss", ["hinge"]),
    (ShrinkingDNNClassifier, "class_weight", ["heavy"]),
    (ShrinkingDNNRegressor, "output_activation", ["tanh"]),
    (ShrinkingDBNClassifier, "visible", ["poisson"]),
    (ShrinkingDBNClassifier, "pretrain_epochs", [0]),
    (ShrinkingDBNClassifier, "pretrain_lr", [0.0]),
    (ShrinkingDBNClassifier, "pretrain_momentum", [1.0]),
    (ShrinkingDBNClassifier, "pretrain_weight_decay", [-1.0]),
    (ShrinkingDBNClassifier, "pretrain_batch_size", [0]),
    (ShrinkingDBNClassifier, "cd_k", [0]),
    (ShrinkingDBNClassifier, "persistent", ["yes"]),
    (ShrinkingDBNClassifier, "pretrain_shrink", [None]),
    (ShrinkingCNNClassifier, "layers", [5, None]),
    (ShrinkingCNNClassifier, "image_shape", ["square", 3, (1, 3), (1, 3, 0), (1, 1, 3.0)]),
    (ShrinkingClassifier, "module", [None, "mlp"]),
    (ShrinkingClassifier, "module_params", [[3]]),
]


def is_refused(kind, method, parameter, value):
    """Refuse it with its name and value, before any work."""
    estimator = kind(**{"module": len} if "module" in kind().get_params() else {})
    estimator.set_params(**{parameter: value})
    before = dict(vars(estimator))
    is_first = method == "partial_fit" and hasattr(kind, "predict_proba")
    with pytest.raises(ValueError, match=r"must be") as raised:
        getattr(estimator, method)(X, Y, **({"classes": [0, 1]} if is_first else {}))
    form = rf"The '{parameter}' parameter of {kind.__name__} must be .+\. Got (.+) instead\."
    got = re.fullmatch(form, str(raised.value)).group(1)
    assert got == repr(value)
    assert vars(estimator) == before


@pytest.mark.parametrize(("kind", "parameter", "values"), BAD)
def test_a_bad_parameter_is_named_with_its_value_before_any_work(kind, parameter, values):
    for value in values:
        is_refused(kind, "fit", parameter, value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_every_kind_and_method_refuses_a_bad_parameter(kind, method):
    is_refused(kind, method, "s", -0.1)


def test_every_parameter_is_refused_if_it_is_bad():
    tested = {parameter for _, parameter, _ in BAD}
    assert tested == {name for kind in KINDS for name in signature(kind).parameters}


def test_a_policy_is_an_object():
    message = "The 'policy' parameter of ShrinkingDNNClassifier must be an object, not a class. Got"
    with pytest.raises(ValueError, match=message):
        ShrinkingDNNClassifier(policy=ShrinkRecall).fit(X, Y)
