"""Write the texts that estimators share into their docstrings.

    python tools/write_docstrings.py [--check] [folder]

The texts are in ``docstring_texts.py`` beside this file. In the docstring of each estimator this
replaces the sections "Parameters" and "Attributes", and the shared paragraphs of the summary, the
notes and the references. All else stays as it is. Defaults are those of the dataclass fields.
With ``--check`` nothing is written, and the exit status is 1 if something would be.

Sources are read, not imported, so that no other copy of the package can take their place.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import sys
import textwrap
from pathlib import Path

import docstring_texts

ESTIMATORS = Path(__file__).parents[1] / "sk_sdlr" / "estimators"
ESTIMATOR = re.compile(r"Shrinking\w*(Classifier|Regressor)")
# In numpydoc's order; the summary is the one without title.
SECTIONS = ["", "Parameters", "Attributes", "Methods", "Returns", "Yields", "Other Parameters"]
SECTIONS += ["Raises", "Warns", "See Also", "Notes", "References", "Examples"]
TITLE = re.compile(r"^(\w[\w ]*)\n-{3,}(?:\n|\Z)", re.MULTILINE)
# Where texts of each form end, and how they begin: the name that they are known by.
ENTRY = re.compile(r"\n(?=\w)"), re.compile(r"\w+")
PARAGRAPH = re.compile(r"\n\n+|\n(?=\.\. \[)"), re.compile(r"\*\*.+?\*\*|\.\. \[\w+\]|\w+ \w+ \w+")
PARAGRAPHS = {
    "": docstring_texts.SUMMARY,
    "Notes": docstring_texts.NOTES,
    "References": docstring_texts.REFERENCES,
}

Table = dict[str, str]
Classes = dict[str, ast.ClassDef]


class DocstringError(Exception):
    """A docstring cannot be written."""


def main(arguments: list[str] | None = None) -> int:
    """Write or check the docstrings of a folder; return the exit status."""
    parser = argparse.ArgumentParser(description="Write shared texts into docstrings.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    parser.add_argument("folder", nargs="?", type=Path, default=ESTIMATORS)
    options = parser.parse_args(arguments)
    sources = {path: path.read_text(encoding="utf-8") for path in options.folder.glob("*.py")}
    classes = {node.name: node for source in sources.values() for node in classes_in(source)}
    if not any(map(ESTIMATOR.fullmatch, classes)):
        print(f"There are no estimators in {options.folder}.", file=sys.stderr)
        return 1
    try:
        changes = {path: rewrite(path.stem, sources[path], classes) for path in sorted(sources)}
    except DocstringError as error:
        print(error, file=sys.stderr)
        return 1
    for path, (source, names) in changes.items():
        for name in names:
            print(f"{path}: {name} {'differs' if options.check else 'written'}")
        if names and not options.check:
            path.write_text(source, encoding="utf-8")
    return int(options.check and any(names for _, names in changes.values()))


# Sources


def classes_in(source: str) -> list[ast.ClassDef]:
    """Return the classes of a module."""
    return [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]


def rewrite(stem: str, source: str, classes: Classes) -> tuple[str, list[str]]:
    """Return a module with the docstrings of its estimators written, and which have changed."""
    changed: list[str] = []
    for node in reversed(classes_in(source)):  # so that positions stay right
        if match := ESTIMATOR.fullmatch(node.name):
            kinds = {stem.split("_")[1], match[1].lower(), "all"}
            start, old = docstring_of(node, source)
            new = new_docstring(node.name, old, fields_of(node, classes), kinds)
            if new != old:
                source = source[:start] + new + source[start + len(old) :]
                changed.insert(0, node.name)
    return source, changed


def docstring_of(node: ast.ClassDef, source: str) -> tuple[int, str]:
    """Return where the docstring of a class begins in its source, and what stands there."""
    first = node.body[0]
    text = ast.get_source_segment(source, first) or ""
    if not (isinstance(first, ast.Expr) and re.match(r'r?"""', text)):
        raise DocstringError(f'{node.name} has no docstring in """.')
    lines = source.split("\n")[: first.lineno - 1]
    return sum(len(line) + 1 for line in lines) + first.col_offset, text


def fields_of(node: ast.ClassDef, classes: Classes) -> Table:
    """Return the dataclass fields of a class and its bases, each with its default as text."""
    fields: Table = {}
    for base in reversed(node.bases):
        if isinstance(base, ast.Name) and base.id in classes:
            fields |= fields_of(classes[base.id], classes)
    for item in node.body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        if not ast.unparse(item.annotation).startswith("ClassVar"):
            fields[item.target.id] = default_of(node.name, item)
    return fields


def default_of(owner: str, item: ast.AnnAssign) -> str:
    """Return the default of a field, as numpydoc wants it."""
    value = item.value
    if isinstance(value, ast.Call):  # of dataclasses.field
        value = next((word.value for word in value.keywords if word.arg == "default"), None)
    try:
        default = ast.literal_eval(value) if value else None
    except ValueError:
        name = ast.unparse(item.target)
        raise DocstringError(f"{owner}: the default of {name} must be a literal.") from None
    if value is None:
        return ""
    return json.dumps(default) if isinstance(default, str) else repr(default)


# Docstrings


def new_docstring(name: str, old: str, fields: Table, kinds: set[str]) -> str:
    """Return the docstring of an estimator, quotes included, with the shared texts in place."""
    opening, _, text = old.partition('"""')
    sections = sections_of(name, inspect.cleandoc(text.removesuffix('"""')))
    sections["Parameters"] = parameters(name, fields, kinds)
    sections["Attributes"] = "\n".join(chosen(docstring_texts.ATTRIBUTES, kinds, ENTRY).values())
    for title, table in PARAGRAPHS.items():
        shared = chosen(table, kinds, PARAGRAPH)
        sections[title] = with_paragraphs(title, sections.get(title, ""), shared)
    parts = [
        f"{title}\n{'-' * len(title)}\n{sections[title]}".strip()
        for title in sorted(sections, key=SECTIONS.index)
        if sections[title]
    ]
    body = textwrap.indent("\n\n".join(parts), "    ").strip()
    return f'{opening}"""{body}\n    """'


def sections_of(name: str, text: str) -> Table:
    """Return the sections of a docstring by title."""
    summary, *rest = TITLE.split(text)
    sections = {"": summary.strip()}
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        if title not in SECTIONS or title in sections:
            raise DocstringError(f"{name}: section {title!r} is unknown, or there twice.")
        sections[title] = body.strip()
    return sections


def parameters(name: str, fields: Table, kinds: set[str]) -> str:
    """Return the entries of the parameters, in the order of the table."""
    entries = chosen(docstring_texts.PARAMETERS, kinds, ENTRY)
    for field in fields:
        if field not in entries:
            raise DocstringError(f"{name}: parameter {field} has no text in docstring_texts.py.")
    return "\n".join(
        with_default(entry, fields[field]) for field, entry in entries.items() if field in fields
    )


def with_default(entry: str, default: str) -> str:
    """Add the default to the type in an entry."""
    head, _, description = entry.partition("\n")
    return f"{head}, default={default}\n{description}" if default else entry


def with_paragraphs(title: str, body: str, shared: Table) -> str:
    """Replace, or add, the shared paragraphs of a section."""
    paragraphs = [part for part in PARAGRAPH[0].split(body) if part]
    for beginning, text in shared.items():
        at = [i for i, part in enumerate(paragraphs) if part.startswith(beginning)]
        if at:
            paragraphs[at[0]] = text
        else:
            paragraphs.append(text)
    return ("\n" if title == "References" else "\n\n").join(paragraphs)


# Table


def chosen(table: Table, kinds: set[str], form: tuple[re.Pattern[str], re.Pattern[str]]) -> Table:
    """Return the texts for an estimator of these kinds, by name."""
    end, beginning = form
    texts: Table = {}
    for kind, block in table.items():
        for text in end.split(block.strip()) if kind in kinds else ():
            match = beginning.match(text)
            if not match:
                raise DocstringError(f"docstring_texts.py: no name is found in {text!r}.")
            texts[match[0]] = texts.pop(match[0], text)  # the first text, at the place of the last
    return texts


if __name__ == "__main__":
    sys.exit(main())
