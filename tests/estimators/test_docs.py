"""Docstrings that share their parts, and what an estimator is before it is fitted."""

from __future__ import annotations

import copy
import pickle
from inspect import signature
from string import Template

import pytest
from sklearn.base import clone

from sk_sdlr import estimators
from sk_sdlr.estimators._docs import PARTS, documented

KINDS = [getattr(estimators, name) for name in estimators.__all__]


def made(kind):
    """Return an estimator with every parameter at a value of its own."""
    return kind(**{name: object() for name in signature(kind).parameters})


# Docstrings


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_to_fill_in(kind):
    assert "$" not in kind.__doc__


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_documented_at_the_margin(kind):
    lines = kind.__doc__.splitlines()
    for name in signature(kind).parameters:
        assert sum(line.startswith(f"{name} : ") for line in lines) == 1


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_in_some_docstring_with_the_defaults_of_the_class(part):
    texts = [Template(PARTS[part]).substitute(lr=kind.lr) for kind in KINDS]
    assert any(text in kind.__doc__ for text, kind in zip(texts, KINDS, strict=True))


@pytest.mark.parametrize("part", PARTS)
def test_parts_have_no_parts_and_no_blank_ends(part):
    assert not any(f"${other}" in PARTS[part] for other in PARTS)
    assert PARTS[part] == PARTS[part].strip()


def test_parts_are_filled_in_at_the_margin():
    class Thing:
        """Do something.

        Parameters
        ----------
        $classes
            Indented.
        $training_parameters
        """

        lr = 0.125

    assert documented(Thing) is Thing
    assert f"----------\n{PARTS['classes']}\n    Indented.\ns : float" in Thing.__doc__
    assert "\nlr : float, default=0.125\n" in Thing.__doc__
    assert "$" not in Thing.__doc__


def test_a_class_without_docstring_has_none_afterwards():
    class Thing:
        lr = 0.125

    assert documented(Thing) is Thing
    assert Thing.__doc__ is None


def test_a_part_that_is_not_there_is_an_error():
    class Thing:
        """Do $something."""

        lr = 0.125

    with pytest.raises(KeyError, match="something"):
        documented(Thing)


# Before a fit


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
