"""What an estimator is before it is fitted: its parameters."""

from __future__ import annotations

import copy
import pickle
from inspect import signature

import pytest
from sklearn.base import clone

from sk_sdlr import estimators

KINDS = [getattr(estimators, name) for name in estimators.__all__]


def made(kind):
    """Return an estimator with every parameter at a value of its own."""
    return kind(**{name: object() for name in signature(kind).parameters})


@pytest.mark.parametrize("kind", KINDS)
def test_attributes_are_the_parameters_of_the_signature(kind):
    parameters = signature(kind).parameters
    assert vars(kind()) == {name: parameter.default for name, parameter in parameters.items()}
    given = made(kind)
    assert vars(given).keys() == parameters.keys()
    assert given.get_params(deep=False) == vars(given)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_kept_as_they_are_given(kind):
    given = {name: object() for name in signature(kind).parameters}
    assert all(getattr(kind(**given), name) is value for name, value in given.items())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "copies", [clone, copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))]
)
def test_bare_estimators_can_be_copied(kind, copies):
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


@pytest.mark.parametrize("kind", KINDS)
def test_estimators_are_equal_to_themselves_alone(kind):
    assert kind() != kind()
    assert len({kind(), kind()}) == 2
