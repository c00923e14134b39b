"""What is public, and what is not."""

from importlib import import_module
from pathlib import Path

import pytest

import sk_sdlr

FOLDERS = sorted(path.parent.name for path in Path(sk_sdlr.__file__).parent.glob("*/__init__.py"))
PACKAGES = ["sk_sdlr", *(f"sk_sdlr.{folder}" for folder in FOLDERS)]


def test_the_package_offers_estimators_policies_and_their_two_ways_into_skorch():
    kinds = ("CNN", "DBN", "DNN", "")
    estimators = {
        f"Shrinking{kind}{task}" for kind in kinds for task in ("Classifier", "Regressor")
    }
    policies = {"AutoRecall", "FullData", "InfoBatch", "RandomSubset", "SelectiveBackprop"}
    policies |= {"ShrinkRecall"}
    assert set(sk_sdlr.__all__) == estimators | policies | {"ActiveSetNet", "PolicyCallback"}


@pytest.mark.parametrize("name", PACKAGES)
def test_public_names_are_there_in_order_and_none_is_an_inner_part(name):
    package = import_module(name)
    assert all(hasattr(package, public) for public in package.__all__)
    assert package.__all__ == sorted(set(package.__all__), key=_in_order)
    assert not {"Budget", "LearningRate", "Step", "DenseStep", "AutogradStep"} & {*package.__all__}
    assert not [public for public in package.__all__ if public.startswith("_")]


def _in_order(name):
    """As ruff sorts them: constants, classes, functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
