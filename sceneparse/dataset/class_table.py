"""A dataset's class table, like ADE20K's objectInfo150.txt -> the names of classes 1..N.

Tab-separated UTF-8 with at least the columns Idx and Name, a row for each class in the order 1..N; 'other', the
value 0, has none. Name may have synonyms after commas, as ADE20K's have: the first one counts. Where a table has the
column Label, that is the name in full, commas and all. A column Colour, or Color, holds #rrggbb or nothing.
"""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from sceneparse.core.errors import InputError
from sceneparse.dataset.labels import MAX_CLASSES

COLOUR_COLUMNS = ("Colour", "Color")
LONGEST_NAME = 200  # characters
UNPRINTED = ("Cc", "Cs", "Zl", "Zp")  # Unicode's categories of control characters, halves of others, ends of lines
SCRIPT = re.compile("</?script|<!--", re.IGNORECASE)  # DVC writes names into a script of its page as they are
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # they change the direction of what follows


def parse_class_table(content: bytes, source: str) -> tuple[str, ...]:
    """Names of classes 1..N from an objectInfo150.txt: Label, or the first synonym of Name. Raises InputError."""
    names, problems = scan_class_table(content)
    if problems:
        raise InputError(
            "the class table is not valid",
            expected=f"tab-separated columns Idx and Name, rows numbered 1..N, N at most {MAX_CLASSES}",
            got="; ".join(problems),
            file=source,
            next_step="write it like ADE20K's objectInfo150.txt",
        )
    return names


def scan_class_table(content: bytes) -> tuple[tuple[str, ...], list[str]]:
    """The names, as they come, and everything that is wrong with the table."""
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter="\t")
        rows = list(reader)
    except UnicodeDecodeError as error:
        return (), [f"not UTF-8: {error}"]
    except csv.Error as error:
        return (), [f"it cannot be read: {error}"]
    columns = reader.fieldnames or ()
    if missing := [name for name in ("Idx", "Name") if name not in columns]:
        return (), [f"no column {' and '.join(missing)} in its first line, which has {_shortened(map(repr, columns))}"]
    problems, numbers = [], []
    names = tuple(_name(row) for row in rows)
    for line, (row, name) in enumerate(zip(rows, names, strict=True), start=2):
        try:
            numbers.append(int(row["Idx"]))
        except (ValueError, TypeError):
            problems.append(f"row {line}: Idx is {row['Idx']!r}")
        if trouble := unusable(name):
            problems.append(f"row {line}: {trouble}")
        if (colour := _colour(row)) and not re.fullmatch("#[0-9a-f]{6}", colour):
            problems.append(f"row {line}: the colour {colour!r} is not written as #rrggbb")
    counts, wanted = Counter(numbers), range(1, len(rows) + 1)
    for what, found in (
        ("numbers that occur twice", [number for number, count in counts.items() if count > 1]),
        ("numbers left out", [number for number in wanted if number not in counts]),
        ("numbers outside 1..N", [number for number in counts if number not in wanted]),
    ):
        if found:
            problems.append(f"{what}: {_shortened(map(str, found))}")
    if not problems and numbers != list(wanted):
        problems.append(f"rows not in the order 1..N: {_shortened(map(str, numbers))}")
    if not 1 <= len(rows) <= MAX_CLASSES:
        problems.append(f"{len(rows)} classes")
    return names, problems


def class_colours(content: bytes) -> tuple[str, ...]:
    """Return the colours of a valid table's classes, #rrggbb or '' for none; nothing where no class has one."""
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter="\t")
    colours = tuple(map(_colour, rows))
    return colours if any(colours) else ()


def _colour(row: dict[str, str | None]) -> str:
    return next((row[key] or "" for key in COLOUR_COLUMNS if key in row), "").strip().lower()


def _name(row: dict[str, str | None]) -> str:
    return (row.get("Label") or "").strip() or (row["Name"] or "").split(",")[0].strip()


def unusable(name: str) -> str:
    """What keeps a class from being called so, or nothing. Names go into pages, tables, terminals and pictures."""
    if not name:
        return "no name"
    if len(name) > LONGEST_NAME:
        return f"a name of {len(name)} characters, at most {LONGEST_NAME} are taken"
    if SCRIPT.search(name):
        return f"the name {name!a} holds a tag that would end or begin a script in DVC's page of plots"
    bad = sorted({one for one in name if unicodedata.category(one) in UNPRINTED or one in TURNING})
    return f"the name {name!a} has {', '.join(map(ascii, bad))}: control characters are no text" if bad else ""


def _shortened(words: Iterable[str]) -> str:
    text = ", ".join(words)
    return text if len(text) < 80 else text[:80] + "…"
