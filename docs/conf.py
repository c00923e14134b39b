"""Sphinx configuration."""

from __future__ import annotations

import sk_sdlr

project = "sk_sdlr"
author = "the sk_sdlr developers"
copyright = "2026, the sk_sdlr developers"
version = release = sk_sdlr.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "myst_parser",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "results", "results.template.md"]
html_theme = "alabaster"
html_theme_options = {"description": "Train on the rows that are not learnt yet"}

autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"plot_",
    "download_all_examples": False,
    "show_memory": False,
}
