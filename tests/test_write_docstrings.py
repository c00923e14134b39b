"""Texts that docstrings share are written into the sources, and nothing else is touched."""

from __future__ import annotations

import ast
import runpy
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from textwrap import indent

import pytest

TOOLS = Path(__file__).parents[1] / "tools"
TEXTS = runpy.run_path(str(TOOLS / "docstring_texts.py"))
ESTIMATORS = TOOLS.parent / "sk_sdlr" / "estimators"
NOTES = indent("Notes\n-----" + TEXTS["NOTES"]["all"] + "\n", "    ")


def write(folder, *options):
    """Run the tool, and return its exit status and what it says."""
    command = [sys.executable, str(TOOLS / "write_docstrings.py"), *options, str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def sources(folder):
    return {path.name: path.read_text() for path in folder.glob("*.py")}


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(ESTIMATORS, tmp_path / "estimators"))


def replace(folder, name, old, new):
    path = folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_the_sources_are_up_to_date():
    assert write(ESTIMATORS, "--check") == (0, "")


def test_what_is_up_to_date_is_not_written_again(copy):
    assert write(copy) == (0, "")
    assert sources(copy) == sources(ESTIMATORS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n    lr : float, default=0.002\n", "\n    lr : float, default=0.5\n"),
        ("        Initial learning rate.\n", "        The rate.\n"),
        ("        Initial learning rate.\n", ""),
        ("    max_epochs : int, default=30\n        Passes over the active set.\n", ""),
        ("    lr : float, default=0.002\n", "    gone : float\n    lr : float, default=0.002\n"),
        ("    n_iter_ : int\n", "    n_iterations_ : int\n"),
        ("    After each epoch the rows", "    After each epoch rows"),
        ("    **Cost.** An epoch costs", "    **Cost.** $cost"),
        ("    .. [1] S. Zheng", "    .. [1] Anybody"),
        (NOTES, ""),
    ],
)
def test_a_changed_text_is_found_and_mended(copy, old, new):
    replace(copy, "_dnn_classifier.py", old, new)
    before = sources(copy)
    status, said = write(copy, "--check")
    assert status == 1
    assert said == f"{copy / '_dnn_classifier.py'}: ShrinkingDNNClassifier differs\n"
    assert sources(copy) == before
    assert write(copy) == (0, said.replace("differs", "written"))
    assert sources(copy) == sources(ESTIMATORS)


def test_a_docstring_may_begin_as_a_summary(copy):
    path = copy / "_dnn_classifier.py"
    doc = ast.parse(path.read_text()).body[-1].body[0]
    lines = path.read_text().splitlines(keepends=True)
    lines[doc.lineno - 1 : doc.end_lineno] = ['    r"""A net, über alles."""\n']
    path.write_text("".join(lines))
    assert write(copy)[0] == 0
    assert write(copy, "--check") == (0, "")
    text = path.read_text()
    assert '    r"""A net, über alles.\n\n    After each epoch' in text
    assert text.count("    ----------\n    hidden_layer_sizes : ") == 1
    assert text.count("    Notes\n    -----\n    **Cost.**") == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Multi-layer perceptron classifier that', '"""Classifier that'),
        ("    Parameters\n", "    Words of the class\nalone, \\alpha.\n\n    Parameters\n"),
        ("The same, pretrained without targets.", "Another."),
        ("    **Cost.**", "    One's own, on cost.\n\n    **Cost.**"),
        ("    **Randomness.**", "    ::\n\n        code\n\n    **Randomness.**"),
        ("       2016.\n", "       2016.\n    .. [2] Anybody, 2017.\n"),
        ("    >>> model.score", "    >>> model = model\n\n    So:\n\n    >>> model.score"),
        ("    _parameter_constraints:", "    _parameter_constraints  :"),
    ],
)
def test_what_is_not_shared_survives(copy, old, new):
    new = new.replace("\nalone", "\n    alone")
    replace(copy, "_dnn_classifier.py", old, new)
    before = sources(copy)
    assert write(copy) == (0, "")
    assert sources(copy) == before


def test_defaults_are_those_of_the_class(copy):
    replace(copy, "_base.py", "    max_epochs: int = 30\n", "    max_epochs: int = 31\n")
    replace(copy, "_dbn.py", "    lr: float = 0.01\n", '    lr: object = field(default="0.01")\n')
    assert write(copy)[0] == 0
    written = sources(copy)
    for net, kind in product(("dnn", "dbn", "cnn", "module"), ("classifier", "regressor")):
        text = written[f"_{net}_{kind}.py"]
        assert text.count("max_epochs : int, default=31\n") == 1
        lr = '"0.01"' if net == "dbn" else "0.002"
        assert text.count(f"    lr : float, default={lr}\n") == 1


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "_dnn.py",
            "    batch_norm: bool = True\n",
            "    batch_norm: bool = True\n    width: int = 3\n",
            "ShrinkingDNNClassifier: parameter width has no text in docstring_texts.py.\n",
        ),
        (
            "_dnn.py",
            "    batch_norm: bool = True\n",
            "    batch_norm: bool = TRUE\n",
            "BaseDNN: the default of batch_norm must be a literal.\n",
        ),
        (
            "_dnn_classifier.py",
            "    Notes\n    -----\n",
            "    Remarks\n    -------\n    Notes\n    -----\n",
            "ShrinkingDNNClassifier: section 'Remarks' is unknown, or there twice.\n",
        ),
        (
            "_dnn_classifier.py",
            '    """Multi-layer perceptron classifier',
            '    f"""Multi-layer perceptron classifier',
            'ShrinkingDNNClassifier has no docstring in """.\n',
        ),
    ],
)
def test_what_cannot_be_written_is_named_and_nothing_is_written(copy, name, old, new, message):
    replace(copy, "_base.py", "    max_epochs: int = 30\n", "    max_epochs: int = 31\n")
    replace(copy, name, old, new)
    before = sources(copy)
    assert write(copy) == (1, message)
    assert sources(copy) == before


def test_a_folder_without_estimators_is_an_error(tmp_path):
    status, said = write(tmp_path, "--check")
    assert status == 1
    assert said == f"There are no estimators in {tmp_path}.\n"


@pytest.mark.parametrize("table", ["PARAMETERS", "ATTRIBUTES", "SUMMARY", "NOTES", "REFERENCES"])
def test_every_text_is_of_use(table):
    written = "\n".join(sources(ESTIMATORS).values())
    for block in TEXTS[table].values():
        for line in block.split("\n"):
            assert line in written
