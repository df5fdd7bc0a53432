"""Lists of classes, in the forms that people and annotation tools write -> rows of a name and its codes.

The content tells the form: CSV and JSON tables, JSON lists and objects of names and ids, CVAT's labelmap.txt, CamVid's
label_colors.txt, and plain text, a name a line, with or without its number. Text is UTF-8 or UTF-16, or else
Windows-1252.
"""

import json
import re
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sceneparse.convert.spelling import spelled
from sceneparse.core.delimited import numbered_lines, split_cells
from sceneparse.core.errors import InputError

Row = tuple[str, dict[str, Any]]  # its place in the file, and its cells: name, value, colour, label and others

WORDS = {  # other words for a key; the first one present counts
    "name": ("name", "class", "title", "label"),  # 'title' is Supervisely's
    "value": ("value", "id", "index", "idx", "pixel value"),  # the last two are ADE20K's and Roboflow's
    "colour": ("colour", "color", "color_rgb"),
}
CHANNELS = (("r", "g", "b"), ("red", "green", "blue"))
EMPTY: tuple[object, ...] = (None, "", [])
WRAPPERS = ("categories", "classes", "labels", "names", "id2label", "label2id")  # keys of a list within an object
UNLABELLED = "__ignore__"  # labelme's name of the number -1, which it saves as 255


def read_rows(path: Path) -> tuple[list[Row], str]:
    """Read a list; return its rows, and a line about a guessed encoding, or ''. Raises InputError."""
    try:
        text, note = decode(path)
        if path.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "["):
            rows = list(_json_rows(json.loads(text)))
        else:
            rows = list(_text_rows(text))
    except OSError as error:
        raise refusal(path, error.strerror or str(error), "give --classes a file that can be read") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise refusal(path, str(error)) from None
    return [(where, _with_plain_keys(row)) for where, row in rows], note


def decode(path: Path) -> tuple[str, str]:
    """Return the text of a file, and a line if its encoding is a guess. Raises ValueError for other files."""
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


def refusal(path: Path, got: str, step: str = "fix the file") -> InputError:
    """Return the error about a class table, with the next step."""
    return InputError(
        "the class table cannot be used",
        expected="CSV or JSON, UTF-8: name and value, name and colour, or name, r, g and b; each code once",
        got=got,
        file=path,
        next_step=f"{step}; docs/own-data.md tells which tables are read",
    )


def _with_plain_keys(row: dict[Any, Any]) -> dict[str, Any]:
    """Rename the keys to lower case and to those of WORDS, and join r, g and b into a colour."""
    cells = {str(key).strip().lower(): cell for key, cell in row.items()}
    for plain, words in WORDS.items():
        if word := next((word for word in words if word in cells), None):
            cells[plain] = cells.pop(word)
    for channels in CHANNELS:
        if cells.keys() >= {*channels}:
            colour = tuple(cells.pop(channel) for channel in channels)
            cells["colour"] = "" if all(part in EMPTY for part in colour) else colour
    return cells


def _json_rows(content: Any) -> Iterator[tuple[str, dict[Any, Any]]]:
    """Yield the rows of a list of objects or names, of an object of names and ids, or of one of these in an object."""
    if isinstance(content, dict):
        content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), list | dict)), content)
    if isinstance(content, dict):
        for key, cell in content.items():
            number = isinstance(cell, str) and key.strip().isdecimal()
            yield f"entry {key!r}", {"name": cell, "value": int(key)} if number else _entry(key, cell)
        return
    for number, row in enumerate(content):
        yield f"object {number + 1}", {"name": row, "value": number} if isinstance(row, str) else dict(row)


def _entry(name: str, cell: Any) -> dict[str, Any]:
    """Return the row of {name: id}, {name: [ids]}, {name: colour} or {name: {…}}."""
    if isinstance(cell, dict):
        return {"name": name, **cell}
    colour = isinstance(cell, str) or (isinstance(cell, list) and len(cell) == 3)
    return {"name": name, ("colour" if colour else "value"): cell}


LINES = (  # forms of text in which all lines are alike
    re.compile(r"(?P<name>[^:]+):(?P<colour>\d+,\d+,\d+)?:[^:]*:[^:]*"),  # CVAT: label:color_rgb:parts:actions
    re.compile(r"(?P<r>\d+)\s+(?P<g>\d+)\s+(?P<b>\d+)\s+(?P<name>\S.*)"),
    re.compile(r"(?P<value>\d+)[\s:]+(?P<name>\D.*)"),
)


def _text_rows(text: str) -> Iterator[tuple[str, dict[Any, Any]]]:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    entries = [(number, line) for number, line in lines if line[0] != "#"]
    for form in LINES:
        matches = [(number, match) for number, line in entries if (match := form.fullmatch(line))]
        if entries and len(matches) == len(entries):
            yield from ((f"row {number}", match.groupdict("")) for number, match in matches)
            return
    header = lines[0][1].lower() if lines else ""
    delimiter = max(",;\t", key=header.count)
    if delimiter in header or header.strip('"') in WORDS["name"]:
        yield from _table_rows(text, delimiter)
        return
    shift = any(line == UNLABELLED for _, line in entries)
    for index, (number, line) in enumerate(entries):
        yield f"row {number}", {"name": line, "value": index - shift if index >= shift else 255}


def _table_rows(text: str, delimiter: str) -> Iterator[tuple[str, dict[Any, Any]]]:
    """Yield the rows below a header. Raises ValueError that lists every line that is no row."""
    columns: list[str] = []
    problems = []
    for number, line in numbered_lines(text):
        try:
            cells = split_cells(line, delimiter, skip_blanks=True)
        except ValueError as error:
            problems.append(f"row {number}: {error}")
            continue
        if columns:
            yield f"row {number}", dict(zip_longest(columns, cells[: len(columns)]))
        columns = columns or cells
    if problems:
        raise ValueError("\n    ".join(["", *problems]))


def row_labels(row: dict[str, Any]) -> list[str]:
    """Return the labels of a row, by default its name. Raises ValueError."""
    cell = row.get("label", row["name"])
    labels = cell if isinstance(cell, list) else [cell]
    if not all(isinstance(label, str) and label.strip() for label in labels):
        raise ValueError(f"expected a label, got {cell!r}")
    return [*map(spelled, labels)]


def row_codes(row: dict[str, Any], by_colour: bool) -> list[int]:
    """Return the values or colours of a row, as ints. Raises ValueError."""
    cell, parse = (row.get("colour"), parse_colour) if by_colour else (row.get("value"), parse_value)
    one_colour = by_colour and isinstance(cell, list) and all(isinstance(part, int) for part in cell)
    return [parse(code) for code in (cell if isinstance(cell, list) and not one_colour else [cell])]


def parse_value(cell: Any) -> int:
    """Return an int, 0..65535. Raises ValueError."""
    if not re.fullmatch(r"\s*[+-]?\d+\s*", str(cell)):
        raise ValueError(f"expected a value, got {cell!r}")
    value = int(cell)
    if not 0 <= value < 2**16:
        raise ValueError(f"expected a value of 0..65535, got {value}")
    return value


def parse_colour(cell: Any) -> int:
    """Return 0xRRGGBB from #rrggbb, or from three numbers in a list, a tuple or a text. Raises ValueError."""
    if isinstance(cell, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", cell.strip()):
        return int(cell.strip()[1:], 16)
    parts = re.split(r"[\s,;]+", cell.strip(" ()[]")) if isinstance(cell, str) else cell
    try:
        red, green, blue = map(parse_value, parts)
    except (ValueError, TypeError):
        raise ValueError(f"expected a colour, #rrggbb or three numbers, got {cell!r}") from None
    if max(red, green, blue) > 255:
        raise ValueError(f"expected colours of 0..255, got {cell!r}")
    return red << 16 | green << 8 | blue
