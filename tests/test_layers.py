"""Imports go one way, a run has the only loop over epochs, modules and functions are small."""

import ast
import sys
from pathlib import Path

import pytest

import sk_sdlr

PACKAGE = Path(sk_sdlr.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
# What each layer may import beside itself, the standard library and torch, and what of torch not.
ALLOWED = {
    "policies": set(),
    "modules": set(),
    "steps": {"sk_sdlr.policies", "sk_sdlr.modules"},
    "runs": {"sk_sdlr.policies", "sk_sdlr.modules", "sk_sdlr.steps"},
    "nets": {
        "numpy",
        "skorch",
        "sklearn.base",
        "sklearn.utils",
        "sklearn.exceptions",
        "sk_sdlr.policies",
        "sk_sdlr.modules",
        "sk_sdlr.steps",
        "sk_sdlr.runs",
    },
    "estimators": {
        "numpy",
        "skorch",
        "sklearn",
        "sk_sdlr.policies",
        "sk_sdlr.modules",
        "sk_sdlr.steps",
        "sk_sdlr.runs",
        "sk_sdlr.nets",
    },
    "datasets": {"numpy", "scipy", "pandas", "sklearn", "pooch", "pyarrow"},
}
FORBIDDEN = {
    "policies": {"torch.nn", "torch.optim", "torch.utils.data"},
    "datasets": {"torch"},
}
EPOCHS = {"budget", "epochs", "max_epochs", "is_over"}


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


def epoch_loops(source):
    """Return the loops, comprehensions included, that are bounded by epochs or by a budget."""
    return [
        ast.unparse(bound)
        for node in ast.walk(ast.parse(source))
        for bound in _bounds(node)
        if EPOCHS & {_name(part) for part in ast.walk(bound)}
    ]


def _bounds(node):
    if isinstance(node, ast.While):  # one that is left by a break is bounded inside
        return [node]
    is_loop = isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
    # One over what is written out there goes round as often as it is long.
    return [node.iter] if is_loop and not isinstance(node.iter, ast.Tuple | ast.List) else []


def _name(node):
    return getattr(node, "attr", None) or getattr(node, "id", None)


def lines_of_functions(source):
    """Return the lines of code of each function, its docstring excepted."""
    return [
        node.end_lineno - node.lineno + 1 - _docstring_lines(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _docstring_lines(node):
    if ast.get_docstring(node) is None:
        return 0
    return node.body[0].end_lineno - node.body[0].lineno + 1


def of_the_package(paths):
    return [pytest.param(path, id=str(path.relative_to(PACKAGE))) for path in paths]


def test_every_folder_has_its_place_among_the_layers():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ALLOWED)


@pytest.mark.parametrize("path", of_the_package(p for p in MODULES if p.parent != PACKAGE))
def test_modules_import_only_what_their_layer_may(path):
    layer = path.relative_to(PACKAGE).parts[0]
    package = ".".join(["sk_sdlr", *path.relative_to(PACKAGE).parts[:-1]])
    allowed = ALLOWED[layer] | {f"sk_sdlr.{layer}", "torch"} | sys.stdlib_module_names
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
        ("from ..runs._budget import Budget", "sk_sdlr.runs._budget.Budget"),
        ("def f():\n    from sk_sdlr.runs import Run", "sk_sdlr.runs.Run"),
        ("if TYPE_CHECKING:\n    import skorch", "skorch"),
        ("import torch\nnet = torch.nn.Linear(1, 1)", "torch.nn.Linear"),
    ],
)
def test_no_form_of_import_is_missed(source, name):
    assert name in imported_names(source, "sk_sdlr.policies")


def test_a_run_has_the_only_loop_over_epochs():
    found = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if epoch_loops(path.read_text(encoding="utf-8"))
    }
    assert found == {"runs/_run.py"}


@pytest.mark.parametrize(
    ("source", "n_loops"),
    [
        ("while not budget.over:\n    train()", 1),
        ("while True:\n    if self.is_over:\n        break", 1),
        ("for epoch in range(self.settings.max_epochs):\n    train()", 1),
        ("for _ in range(epochs):\n    train()", 1),
        ("losses = [train() for _ in range(max_epochs)]", 1),
        ("for record in run:\n    print(record, run.max_epochs)", 0),
        ("for batch in batches:\n    lr(budget)", 0),
        ("for value in (batch_size, max_epochs):\n    check(value)", 0),
        ("while stack:\n    stack.pop()", 0),
    ],
)
def test_no_form_of_a_loop_over_epochs_is_missed(source, n_loops):
    assert len(epoch_loops(source)) == n_loops


@pytest.mark.parametrize("path", of_the_package(MODULES))
def test_no_module_is_longer_than_300_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_nine_tenths_of_the_functions_are_shorter_than_30_lines():
    lines = [n for path in MODULES for n in lines_of_functions(path.read_text(encoding="utf-8"))]
    assert sum(n < 30 for n in lines) > 0.9 * len(lines)
    assert lines_of_functions('def f():\n    """Text.\n\n    More.\n    """\n    return 1\n') == [2]
