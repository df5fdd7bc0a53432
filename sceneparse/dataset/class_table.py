"""Parser of class tables like ADE20K's objectInfo150.txt: names and colours of classes 1..N.

Tab-separated UTF-8 with at least the columns Idx and Name, a line for each class in the order 1..N; 'other', the
value 0, has none. Name may list synonyms after commas, as ADE20K's do: the first counts. A column Label, if any,
holds the full name, commas included. A column Colour, or Color, holds #rrggbb or nothing.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import zip_longest

from sceneparse.core.delimited import numbered_lines, split_cells
from sceneparse.core.errors import InputError
from sceneparse.dataset.labels import MAX_CLASSES

COLOUR_COLUMNS = ("Colour", "Color")
LONGEST_NAME = 200  # characters
UNPRINTED = ("Cc", "Cs", "Zl", "Zp")  # Unicode categories: controls, surrogates, line and paragraph separators
SCRIPT = re.compile("</?script|<!--", re.IGNORECASE)  # DVC writes names unescaped into a script of its page
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # change the direction of the text after them


def parse_class_table(content: bytes, source: str) -> tuple[str, ...]:
    """Return the names of classes 1..N: Label, or the first synonym of Name. Raises InputError."""
    names, problems = scan_class_table(content)
    if problems:
        raise InputError(
            "the class table is not valid",
            expected=f"tab-separated columns Idx and Name, rows numbered 1..N, N at most {MAX_CLASSES}",
            got="; ".join(problems),
            file=source,
            next_step="fix the table; docs/datasets.md describes it",
        )
    return names


def scan_class_table(content: bytes) -> tuple[tuple[str, ...], list[str]]:
    """Return the names, valid or not, and all problems of the table."""
    try:
        columns, rows, problems = _rows(content)
    except UnicodeDecodeError as error:
        return (), [f"not UTF-8: {error}"]
    if problems:
        return (), problems
    if missing := [name for name in ("Idx", "Name") if name not in columns]:
        return (), [f"no column {' and '.join(missing)}; the first line has {_shortened(map(repr, columns))}"]
    numbers = []
    names = tuple(map(_name, rows.values()))
    for (line, row), name in zip(rows.items(), names, strict=True):
        try:
            numbers.append(int(row["Idx"]))
        except ValueError:
            problems.append(f"row {line}: Idx is {row['Idx']!r}")
        if trouble := unusable(name):
            problems.append(f"row {line}: {trouble}")
        if (colour := _colour(row)) and not re.fullmatch("#[0-9a-f]{6}", colour):
            problems.append(f"row {line}: the colour {colour!r} is not written as #rrggbb")
    counts, wanted = Counter(numbers), range(1, len(rows) + 1)
    for problem, offenders in (
        ("numbers that occur twice", [number for number, count in counts.items() if count > 1]),
        ("numbers left out", [number for number in wanted if number not in counts]),
        ("numbers outside 1..N", [number for number in counts if number not in wanted]),
    ):
        if offenders:
            problems.append(f"{problem}: {_shortened(map(str, offenders))}")
    if not problems and numbers != list(wanted):
        problems.append(f"rows not in the order 1..N: {_shortened(map(str, numbers))}")
    if not 1 <= len(rows) <= MAX_CLASSES:
        problems.append(f"{len(rows)} classes")
    return names, problems


def class_colours(content: bytes) -> tuple[str, ...]:
    """Return the colours of a valid table's classes, #rrggbb or '' for none; empty if no class has a colour."""
    colours = tuple(map(_colour, _rows(content)[1].values()))
    return colours if any(colours) else ()


def _rows(content: bytes) -> tuple[list[str], dict[int, dict[str, str]], list[str]]:
    """Return the columns, the rows by line number, and problems of lines. Raises UnicodeDecodeError."""
    columns: list[str] = []
    rows: dict[int, dict[str, str]] = {}
    problems = []
    for line, text in numbered_lines(content.decode("utf-8-sig")):
        try:
            cells = split_cells(text, "\t")
        except ValueError as error:
            problems.append(f"not tab-separated text: row {line}: {error}")
            continue
        if columns:
            rows[line] = dict(zip_longest(columns, cells[: len(columns)], fillvalue=""))
        else:
            columns = cells
    return columns, rows, problems


def _colour(row: dict[str, str]) -> str:
    return next((row[key] for key in COLOUR_COLUMNS if key in row), "").strip().lower()


def _name(row: dict[str, str]) -> str:
    return row.get("Label", "").strip() or row["Name"].split(",")[0].strip()


def unusable(name: str) -> str:
    """Return why a name cannot be a class's, or ''. Names are shown on pages, in tables, terminals and pictures."""
    if not name:
        return "no name"
    if len(name) > LONGEST_NAME:
        return f"a name of {len(name)} characters, the limit is {LONGEST_NAME}"
    if SCRIPT.search(name):
        return f"the name {name!a} contains a tag that would begin or end a script in DVC's plots page"
    bad = sorted(
        {character for character in name if unicodedata.category(character) in UNPRINTED or character in TURNING}
    )
    return f"the name {name!a} contains control characters: {', '.join(map(ascii, bad))}" if bad else ""


def _shortened(words: Iterable[str]) -> str:
    text = ", ".join(words)
    return text if len(text) < 80 else text[:80] + "…"
