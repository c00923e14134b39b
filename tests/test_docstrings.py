"""Every public name has a numpydoc docstring that numpydoc's own validation accepts."""

from __future__ import annotations

import ast
import inspect
import pydoc
import re
from inspect import signature

import pytest
from numpydoc.validate import validate

import sk_sdlr
from sk_sdlr import datasets, estimators, modules, nets, policies, runs, steps

PACKAGES = (sk_sdlr, datasets, estimators, modules, nets, policies, runs, steps)
# Left to taste: where the text starts, extended summaries, See Also and its descriptions, names of
# what is returned, capitals and full stops of parameter descriptions. Parameters are in the order
# of a reader's questions: what the net looks like, what its outputs are, how it is trained.
IGNORED = {"GL01", "GL02", "ES01", "SA01", "SA04", "EX01", "RT02", "PR06", "PR07", "PR08", "PR09"}
IGNORED |= {"PR03"}
ESTIMATOR_METHODS = ("fit", "partial_fit", "predict", "predict_proba", "predict_log_proba")
# Written for those who extend the package; they are shown at work in the example of Run.
WITHOUT_EXAMPLE = {"ActiveSet", "EpochReport", "Policy"}


def public_names() -> list[str]:
    return sorted(
        f"{package.__name__}.{name}"
        for package in PACKAGES
        for name in package.__all__
        if inspect.isclass(getattr(package, name)) or inspect.isfunction(getattr(package, name))
    )


def method_names() -> list[str]:
    return [
        f"sk_sdlr.{name}.{method}"
        for name in estimators.__all__
        for method in ESTIMATOR_METHODS
        if hasattr(getattr(estimators, name), method)
    ]


def complaints(name: str) -> list[str]:
    ignored = set(IGNORED)
    if has_parameters_of_others(name):
        ignored.add("PR01")
    return [f"{code}: {text}" for code, text in validate(name)["errors"] if code not in ignored]


def has_parameters_of_others(name: str) -> bool:
    """Whether it is a class without a constructor of its own."""
    thing = pydoc.locate(name)
    if not inspect.isclass(thing):
        return False
    return "__init__" not in vars(thing) or getattr(thing, "_is_protocol", False)


@pytest.mark.parametrize("name", public_names() + method_names())
def test_docstring_is_valid_numpydoc(name):
    assert not complaints(name)


@pytest.mark.parametrize("name", estimators.__all__)
def test_documented_defaults_are_the_defaults(name):
    estimator = getattr(estimators, name)
    written = dict(re.findall(r"^(\w+) : .*default=(.+)$", inspect.getdoc(estimator), re.MULTILINE))
    defaults = {key: value.default for key, value in signature(estimator).parameters.items()}
    assert {key: ast.literal_eval(text) for key, text in written.items()} == defaults


@pytest.mark.parametrize("name", public_names())
def test_docstring_has_an_example(name):
    if name.rsplit(".", 1)[1] not in WITHOUT_EXAMPLE:
        assert "EX01" not in [code for code, _ in validate(name)["errors"]]
