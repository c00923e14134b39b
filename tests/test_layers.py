"""Imports go one way: policies, modules -> steps -> runs -> nets -> estimators."""

import ast
import sys
from pathlib import Path

import pytest

import sk_sdlr

PACKAGE = Path(sk_sdlr.__file__).parent
# What each layer may import beside itself and the standard library, and what of it not. Layers see
# those above them in this list.
LAYERS = {
    "policies": {"torch", "numpy"},
    "modules": {"torch"},
    "steps": {"torch"},
    "runs": {"torch"},
    "nets": {"torch", "numpy", "skorch", "sklearn"},
    "estimators": {"torch", "numpy", "scipy", "skorch", "sklearn"},
}
ALLOWED = {
    layer: libraries | {f"sk_sdlr.{below}" for below in list(LAYERS)[:i] if i > 1}
    for i, (layer, libraries) in enumerate(LAYERS.items())
}
ALLOWED["datasets"] = {"numpy", "scipy", "pandas", "sklearn", "pooch", "pyarrow"}
FORBIDDEN = {"policies": {"torch.nn", "torch.optim", "torch.utils.data"}}


def imported_names(source, package):
    """Return the full dotted names that a module of `package` imports, or takes from torch."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            parts = parts[: len(parts) - node.level + 1] if node.level else []
            parts += [node.module] if node.module else []
            names |= {".".join([*parts, alias.name]) for alias in node.names}
        elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("torch."):
            names.add(ast.unparse(node))
    return names


def is_under(name, roots):
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def test_every_folder_has_its_place_among_the_layers():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ALLOWED)


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=str(p.relative_to(PACKAGE))) for p in sorted(PACKAGE.glob("*/**/*.py"))],
)
def test_modules_import_only_what_their_layer_may(path):
    layer = path.relative_to(PACKAGE).parts[0]
    package = ".".join(["sk_sdlr", *path.relative_to(PACKAGE).parts[:-1]])
    allowed = ALLOWED[layer] | {f"sk_sdlr.{layer}"} | sys.stdlib_module_names
    names = imported_names(path.read_text(encoding="utf-8"), package)
    assert not {name for name in names if not is_under(name, allowed)}
    assert not {name for name in names if is_under(name, FORBIDDEN.get(layer, ()))}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import skorch.callbacks", "skorch.callbacks"),
        ("import numpy as np", "numpy"),
        ("from torch import nn", "torch.nn"),
        ("from . import _base", "sk_sdlr.policies._base"),
        ("from ._base import Policy", "sk_sdlr.policies._base.Policy"),
        ("from .. import runs", "sk_sdlr.runs"),
        ("from ..runs import Run", "sk_sdlr.runs.Run"),
        ("def f():\n    from sk_sdlr.runs import Run", "sk_sdlr.runs.Run"),
        ("if TYPE_CHECKING:\n    import skorch", "skorch"),
        ("import torch\nnet = torch.nn.Linear(1, 1)", "torch.nn.Linear"),
    ],
)
def test_no_form_of_import_is_missed(source, name):
    assert name in imported_names(source, "sk_sdlr.policies")
