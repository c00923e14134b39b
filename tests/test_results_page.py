"""The page of results is what its template and the runs make it, and its pictures are there."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from benchmarks.reproduce._figures import FIGURES

DOCS = Path(__file__).parents[1] / "docs"
MAKER = runpy.run_path(str(DOCS / "make_results.py"))


def test_the_page_is_that_of_the_runs():
    assert (DOCS / "results.md").read_text() == MAKER["page"]()


def test_its_pictures_are_there():
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (DOCS / "results.md").read_text())
    figures = {f"results/{name}.png" for name in FIGURES} - {"results/figure10.png"}
    assert figures | {"results/figure10_bfloat16.png"} < set(pictures)
    for picture in pictures:
        assert (DOCS / picture).read_bytes().startswith(b"\x89PNG")


def test_every_experiment_is_shown():
    page = (DOCS / "results.md").read_text()
    for title in ("MNIST, DNN", "MNIST, DBN", "MNIST, CNN", "CIFAR-10, CNN", "7-20-20-2", "7-50-2"):
        assert f"{title}" in page
    assert "stand-in" in page


def test_a_place_of_no_known_kind_is_an_error():
    with pytest.raises(ValueError, match="no known kind: 'figure:2'"):
        MAKER["value_of"]("figure:2")


def test_runs_of_several_machines_are_not_mixed(monkeypatch):
    found = {"cores": 2, "processor": "A", "versions": {"torch": "1"}}
    runs = [{"environment": found}, {"environment": found | {"cores": 4}}]
    monkeypatch.setitem(MAKER["machine"].__globals__, "RunStore", lambda path: runs)
    with pytest.raises(ValueError, match="more than one machine"):
        MAKER["machine"]()
