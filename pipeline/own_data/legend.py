"""What the pixels of other datasets' masks stand for: a class table in CSV or JSON -> names of classes 1..N, and codes.

A row (CSV, with a header; comma, semicolon or tab) or object (JSON, a list of them) has a name and a value or a
colour:
    name,value              name,r,g,b              name,colour
    road,7                  road,128,64,128         road,#804080
Rows of one name are one class; those named 'ignored' become 0. Classes are numbered in the order of their first rows.
"""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.data.class_table import unusable
from stages.data.labels import MAX_CLASSES
from stages.errors import InputError

IGNORED = "ignored"
VALUES = ("value", "id", "index")
COLOURS = ("colour", "color")
CHANNELS = (("r", "g", "b"), ("red", "green", "blue"))


@dataclass(frozen=True)
class Legend:
    """Class names, and (code, annotation value) for each code: a value, 0..65535, or a colour, 0xRRGGBB."""

    names: tuple[str, ...]
    by_colour: bool
    codes: tuple[tuple[int, int], ...]

    def text(self, code: int) -> str:
        """A code as a person writes it."""
        return f"#{code:06x} ({code >> 16}, {code >> 8 & 255}, {code & 255})" if self.by_colour else str(code)

    def table(self) -> bytes:
        """The classes as objectInfo150.txt."""
        file = io.StringIO()
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows([("Idx", "Name"), *enumerate(self.names, 1)])
        return file.getvalue().encode()


def read_legend(path: Path, by: str | None, ignore: Sequence[str] | None) -> Legend:
    """Read a class table; `by` says which of its codes count (value, colour), where it has both.

    `ignore`: more codes that become 0, by default 255 of values. Raises InputError that lists every bad row.
    """
    problems: list[str] = []
    rows = _rows(path)
    by_colour = _by_colour(path, rows, by)
    numbers: dict[str, int] = {}
    codes: dict[int, int] = {}
    for where, row in rows:
        name = str(row.get("name") or "").strip()
        if trouble := unusable(name):
            problems.append(f"{where}: {trouble}")
            continue
        number = 0 if name.lower() == IGNORED else numbers.setdefault(name, len(numbers) + 1)
        try:
            found = _codes(row, by_colour)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            continue
        if any(codes.setdefault(code, number) != number for code in found):
            problems.append(f"{where}: another class has the same {'colour' if by_colour else 'value'}")
    if not 1 <= len(numbers) <= MAX_CLASSES:
        problems.append(f"{len(numbers)} classes")
    if problems:
        raise _refusal(path, "\n    ".join(["", *problems]))
    codes |= _ignored(path, by_colour, ignore, codes)
    return Legend(tuple(numbers), by_colour, tuple(codes.items()))


def _ignored(path: Path, by_colour: bool, ignore: Sequence[str] | None, codes: dict[int, int]) -> dict[int, int]:
    """What becomes 0 beside what the table says."""
    if ignore is None:
        return {} if by_colour or 255 in codes else {255: 0}
    found, problems = {}, []
    for text in ignore:
        try:
            code = _colour(text) if by_colour else _value(text)
        except ValueError as error:
            problems.append(str(error))
            continue
        if codes.get(code, 0):
            problems.append(f"{text} is a class of the table")
        found[code] = 0
    if problems:
        raise InputError(
            "what --ignore names cannot be used",
            expected=f"{'colours, as #rrggbb' if by_colour else 'values, 0..65535'}, for {path} has such",
            got="; ".join(problems),
            file="the command line",
            next_step=f"name {'colours' if by_colour else 'values'} that masks have and no class of the table has",
        )
    return found


def _rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Each row's place and content, keys in lower case."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if path.suffix.lower() == ".json":
            named = [(f"object {number}", dict(row)) for number, row in enumerate(json.loads(text), 1)]
        else:
            delimiter = max(",;\t", key=text.partition("\n")[0].count)
            reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
            named = [
                (f"row {number}", {key or "": cell for key, cell in row.items()})
                for number, row in enumerate(reader, 2)
            ]
    except (OSError, ValueError, TypeError, csv.Error) as error:  # the types: JSON of another form
        raise _refusal(path, str(error)) from None
    return [(where, {key.strip().lower(): cell for key, cell in row.items()}) for where, row in named]


def _by_colour(path: Path, rows: list[tuple[str, dict[str, Any]]], by: str | None) -> bool:
    keys = {key for _, row in rows for key in row}
    has = {
        "value": any(key in keys for key in VALUES),
        "colour": any(key in keys for key in COLOURS) or any(keys.issuperset(three) for three in CHANNELS),
    }
    kinds = [kind for kind, there in has.items() if there and by in (None, kind)]
    if not kinds or "name" not in keys:
        raise _refusal(path, _columns(path, keys))
    if len(kinds) == 2:
        raise _refusal(path, "both: say --masks-by value or --masks-by colour")
    return kinds == ["colour"]


def _columns(path: Path, keys: set[str]) -> str:
    """What there is instead of the columns that are needed."""
    if not keys:
        return "no rows, and so no columns"
    shown = ", ".join(sorted(filter(None, keys)))
    known = {"name", *VALUES, *COLOURS}.union(*CHANNELS)
    if path.suffix.lower() != ".json" and not keys & known:
        return f"no header line: the first one has {shown}"
    return f"columns {shown}"


def _codes(row: dict[str, Any], by_colour: bool) -> list[int]:
    if not by_colour:
        cell = next((row[key] for key in VALUES if key in row), None)
        return [_value(one) for one in (cell if isinstance(cell, list) else [cell])]
    for three in CHANNELS:
        if all(key in row for key in three):
            return [_colour([row[key] for key in three])]
    cell = next((row[key] for key in COLOURS if key in row), None)
    several = isinstance(cell, list) and not all(isinstance(one, int) for one in cell)
    return [_colour(one) for one in (cell if several else [cell])]  # type: ignore[union-attr]


def _value(cell: Any) -> int:
    """0..65535."""
    try:
        if isinstance(cell, float | bool):
            raise ValueError  # noqa: TRY004, TRY301
        value = int(cell)
    except (ValueError, TypeError):
        raise ValueError(f"expected a value, got {cell!r}") from None
    if not 0 <= value < 2**16:
        raise ValueError(f"expected a value of 0..65535, got {value}")
    return value


def _colour(cell: Any) -> int:
    """#rrggbb, or three numbers in a list or a text."""
    if isinstance(cell, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", cell.strip()):
        return int(cell.strip()[1:], 16)
    parts = re.split(r"[\s,;]+", cell.strip(" ()[]")) if isinstance(cell, str) else cell
    try:
        red, green, blue = map(_value, parts)
    except (ValueError, TypeError):
        raise ValueError(f"expected a colour, #rrggbb or three numbers, got {cell!r}") from None
    if max(red, green, blue) > 255:
        raise ValueError(f"expected colours of 0..255, got {cell!r}")
    return red << 16 | green << 8 | blue


def _refusal(path: Path, got: str) -> InputError:
    return InputError(
        "the class table cannot be used",
        expected="CSV or JSON, UTF-8: name and value, name and colour, or name, r, g and b; each code once",
        got=got,
        file=path,
        next_step="mend what is named; docs/own-data.md has tables for several datasets",
    )
