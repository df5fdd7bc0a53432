"""Lists of classes, in the forms that people and annotation tools write -> rows: a name, and what masks or files say.

Recognised by content: CSV and JSON tables, JSON lists and objects of names and ids, CVAT's labelmap.txt, CamVid's
label_colors.txt, and plain text, a name a line, with or without its number. Text is UTF-8 or UTF-16, or else
Windows-1252.
"""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sceneparse.core.errors import InputError

Row = tuple[str, dict[str, Any]]  # its place, and its cells, keys in lower case

NAMES = ("name", "class", "title", "label")  # of several the first; 'title' is Supervisely's
VALUES = ("value", "id", "index", "idx", "pixel value")  # the last two are ADE20K's and Roboflow's
COLOURS = ("colour", "color", "color_rgb")
CHANNELS = (("r", "g", "b"), ("red", "green", "blue"))
LABELS = ("label",)
WRAPPERS = ("categories", "classes", "labels", "names", "id2label", "label2id")  # keys of a list within an object
UNLABELLED = "__ignore__"  # labelme's, of the number -1


def read_rows(path: Path) -> tuple[list[Row], str]:
    """Read a list; the rows, and what is to be said about how it was read, or nothing. Raises InputError."""
    try:
        text, note = decode(path)
        if path.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "["):
            rows = list(_of_json(json.loads(text)))
        else:
            rows = list(_of_text(text))
    except (OSError, ValueError, TypeError, RecursionError, csv.Error) as error:
        raise refusal(path, str(error)) from None
    lowered = [(where, {str(key).strip().lower(): cell for key, cell in row.items()}) for where, row in rows]
    return [(where, _renamed(row)) for where, row in lowered], note


def decode(path: Path) -> tuple[str, str]:
    """Text of a file, and a line where its encoding is a guess. Raises ValueError for what is no text."""
    content = path.read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16"), ""
    try:
        text, note = content.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        text = content.decode("cp1252")
        odd = re.search(r"[^\s,;:]*[^\x00-\x7f][^\s,;:]*", text)
        note = f"{path} is not UTF-8: read as Windows-1252, such as {odd.group() if odd else ''}"
    if "\0" in text:
        raise ValueError("not text, or UTF-16 without its mark: save it as UTF-8")
    return text, note


def refusal(path: Path, got: str) -> InputError:
    """Refuse a table."""
    return InputError(
        "the class table cannot be used",
        expected="CSV or JSON, UTF-8: name and value, name and colour, or name, r, g and b; each code once",
        got=got,
        file=path,
        next_step="mend what is named; docs/own-data.md has tables for several datasets",
    )


def _renamed(row: dict[str, Any]) -> dict[str, Any]:
    """Return the cells with the name under `name`; a table may call it otherwise."""
    other = next((key for key in NAMES if key in row), None)
    if other in (None, "name"):
        return row
    return {("name" if key == other else key): cell for key, cell in row.items()}


def _of_json(content: Any) -> Iterator[Row]:
    """Rows of a list of objects or names, an object of names and ids in either order, or one within an object."""
    if isinstance(content, dict):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), list | dict)), None)
        if inner is not None:
            content = inner
    if isinstance(content, dict):
        for key, cell in content.items():
            number = isinstance(cell, str) and key.strip().isdecimal()
            yield f"entry {key!r}", {"name": cell, "value": int(key)} if number else _named(key, cell)
        return
    for number, row in enumerate(content):
        if isinstance(row, str):
            yield f"object {number + 1}", {"name": row, "line": number}
        else:
            yield f"object {number + 1}", dict(row)


def _named(name: str, cell: Any) -> dict[str, Any]:
    """A row of {name: id}, {name: [ids]}, {name: colour} or {name: {…}}."""
    if isinstance(cell, dict):
        return {"name": name, **cell}
    colour = isinstance(cell, str) or (isinstance(cell, list) and len(cell) == 3)
    return {"name": name, ("colour" if colour else "value"): cell}


def _of_text(text: str) -> Iterator[Row]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    entries = [(number, line) for number, line in lines if line[0] != "#"]
    if entries and all(re.fullmatch(r"[^:]+:(\d+,\d+,\d+)?:[^:]*:[^:]*", line) for _, line in entries):
        for number, line in entries:  # CVAT: label:color_rgb:parts:actions
            name, colour, *_ = line.split(":")
            yield f"row {number}", {"name": name, "colour": colour}
        return
    matches = [(number, re.fullmatch(r"(\d+)\s+(\d+)\s+(\d+)\s+(\S.*)", line)) for number, line in entries]
    if entries and all(match for _, match in matches):
        for number, match in matches:
            if match:
                yield f"row {number}", {"name": match[4], "r": match[1], "g": match[2], "b": match[3]}
        return
    matches = [(number, re.fullmatch(r"(\d+)[\s:]+(\D.*)", line)) for number, line in entries]
    if entries and all(match for _, match in matches):
        for number, match in matches:
            if match:
                yield f"row {number}", {"name": match[2], "value": match[1]}
        return
    header = lines[0][1].lower() if lines else ""
    delimiter = max(",;\t", key=header.count)
    if delimiter in header or header.strip('"') in NAMES:
        reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
        yield from (
            (f"row {number}", {key or "": cell for key, cell in row.items()}) for number, row in enumerate(reader, 2)
        )
        return
    shift = any(line == UNLABELLED for _, line in entries)
    for index, (number, line) in enumerate(entries):
        yield f"row {number}", {"name": line, "line": index - shift}
