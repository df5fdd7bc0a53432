"""The words of sources and docs: first lines of docstrings that make sense alone, and the plain word of several."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OPENINGS = ("Of", "The same", "Those", "As", "By", "What", "Which", "That", "It", "So")
PLAINER = {"mend": "fix", "mends": "fixes", "mended": "fixed", "anew": "again", "aloud": "logged"}
PACKAGES = ("sceneparse", "stages", "pipeline", "benchmarks", "tests")
TEXTS = (
    *("sceneparse/**/*", "stages/**/*", "pipeline/**/*", "benchmarks/**/*", "docs/**/*"),
    *("*.md", "*.yaml", "*.yml", "*.toml", "presets/*", "sources/*", ".github/**/*", "Makefile", ".ci/run"),
)
SUFFIXES = {"", ".css", ".html", ".j2", ".js", ".json", ".md", ".py", ".toml", ".yaml", ".yml"}


def files(patterns):
    """Texts of the project that match."""
    paths = sorted({path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()})
    return [path.relative_to(ROOT) for path in paths if path.suffix in SUFFIXES]


def first_lines(source):
    """The first line of each docstring, with its line number."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.body[0].lineno, docstring.splitlines()[0]


def openings(source):
    """The first lines that begin with one of the openings."""
    return [(number, line) for number, line in first_lines(source) if re.match(rf"({'|'.join(OPENINGS)})\b", line)]


def test_the_patterns_find_what_they_are_for():
    source = '"""Of the table."""\ndef f():\n    """The same, twice."""\nclass C:\n    """Offset of a row."""\n'
    assert openings(source) == [(1, "Of the table."), (3, "The same, twice.")]
    assert len(files(TEXTS)) > 200
    assert all(files([f"{package}/**/*.py"]) for package in PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_docstring_s_first_line_makes_sense_alone(package):
    said = [
        f"{name}:{number}: {line}"
        for name in files([f"{package}/**/*.py"])
        for number, line in openings((ROOT / name).read_text())
    ]
    assert said == [], f"{len(said)} openings: name the thing, then the verb\n" + "\n".join(said)


def test_the_plain_word_is_used():
    said = [
        f"{name}:{number}: {word} -> {PLAINER[word.lower()]}"
        for name in files(TEXTS)
        for number, line in enumerate((ROOT / name).read_text().splitlines(), start=1)
        for word in re.findall(rf"(?<!['\"])\b({'|'.join(PLAINER)})\b", line, re.IGNORECASE)
    ]
    assert said == [], "\n".join(said)
