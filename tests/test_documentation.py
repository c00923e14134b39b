"""The code in the README and in the docs runs, and so does the demo."""

from __future__ import annotations

import re
import runpy
import sys
import types
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).parents[1]
PYTHON_BLOCK = {
    ".md": re.compile(r"```python\n(.*?)```", re.DOTALL),
    ".rst": re.compile(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)"),
}


def blocks(path: Path) -> list[str]:
    found = PYTHON_BLOCK[path.suffix].findall(path.read_text())
    return (
        [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]
        if (path.suffix == ".rst")
        else found
    )


PAGES = [
    page for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.rst"))] if blocks(page)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_of_a_page_run_one_after_the_other(page, monkeypatch):
    from sk_sdlr import ShrinkingDNNClassifier

    digits = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(*digits, train_size=400, random_state=0)
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)  # where dataclasses look themselves up
    names = vars(module)
    names |= {"X": X, "y": y, "X_test": X_test, "y_test": y_test}
    names["net"] = ShrinkingDNNClassifier((8,), max_epochs=1).fit(X, y)
    for block in blocks(page):
        exec(compile(block, page.name, "exec", dont_inherit=True), names)


def test_demo_runs_and_writes_its_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    demo = runpy.run_path(str(ROOT / "examples" / "plot_demo.py"))
    demo["EPOCHS"].update(digits=3, table=2)
    demo["main"]()
    plt.close("all")
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("digits", "table", "MLPClassifier", "stock skorch"))
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_example_of_recall_runs_and_draws_its_picture(monkeypatch, capsys):
    plt.switch_backend("Agg")
    monkeypatch.setattr(plt, "show", lambda: plt.gcf().canvas.draw())
    example = runpy.run_path(str(ROOT / "examples" / "plot_recall.py"))
    example["RUN"].update(visits=3, seeds=2)
    example["main"]()
    (figure,) = map(plt.figure, plt.get_fignums())
    assert [len(axes.lines) for axes in figure.axes] == [3, 9, 3, 9]
    plt.close("all")
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith(("true labels", "a fifth mislabelled")) for line in lines) == 6
