"""Meaning of masks' pixels, or of annotation files' labels: a class table -> names of classes 1..N.

A row has a name and a value, a colour or a label:
    name,value              name,r,g,b              name,colour             name,label
    road,7                  road,128,64,128         road,#804080            road,street
Rows of one name are one class; those named 'ignored' become 0. Classes are numbered in the order of their first rows.
class_lists.py reads all forms of tables.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sceneparse.convert.class_lists import (
    EMPTY,
    UNLABELLED,
    Row,
    parse_colour,
    parse_value,
    read_rows,
    refusal,
    row_codes,
    row_labels,
)
from sceneparse.convert.ignoring import drop_ignored
from sceneparse.convert.spelling import spelled
from sceneparse.dataset.class_table import unusable
from sceneparse.dataset.labels import MAX_CLASSES

IGNORED = "ignored"

Code = TypeVar("Code", int, str)


@dataclass(frozen=True)
class Legend:
    """Class names, and (code, annotation value) for each code: a value, 0..65535, or a colour, 0xRRGGBB.

    For annotation files `labels` holds (label, annotation value) instead, and `background` the annotation value of
    pixels that no shape covers. `note`: a line about how the table was read, or ''. `colours`: #rrggbb of each class,
    '' for none; empty if the table has no colours.
    """

    names: tuple[str, ...]
    by_colour: bool
    codes: tuple[tuple[int, int], ...]
    labels: tuple[tuple[str, int], ...] = ()
    background: int = 0
    note: str = ""
    colours: tuple[str, ...] = ()

    @property
    def codes_are(self) -> str:
        """Word for the codes: colours or values."""
        return "colours" if self.by_colour else "values"

    def text(self, code: int) -> str:
        """Return a code as a person writes it."""
        return f"#{code:06x} ({code >> 16}, {code >> 8 & 255}, {code & 255})" if self.by_colour else str(code)

    def table(self) -> bytes:
        """Return the classes as objectInfo150.txt; Label is added if names have commas, Colour if there are any."""
        file = io.StringIO()
        columns = {"Idx": [*map(str, range(1, len(self.names) + 1))], "Name": [*self.names]}
        if any("," in name for name in self.names):
            columns["Label"] = [*self.names]
        if self.colours:
            columns["Colour"] = [*self.colours]
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerows([tuple(columns), *zip(*columns.values(), strict=True)])
        return file.getvalue().encode()


def read_legend(path: Path, by: str | None, ignore: Sequence[str] | None) -> Legend:
    """Read a class table for masks. Raises InputError that lists every bad row.

    `by`: 'value' or 'colour', needed if the table has both. `ignore`: classes and codes that become 0. The value 255
    does, too, if neither the table nor `ignore` has values for that.
    """
    rows, note = read_rows(path)
    by_colour = _by_colour(path, rows, by)
    kind, parse = ("colour", parse_colour) if by_colour else ("value", parse_value)
    names, codes = _numbered(path, rows, lambda row: row_codes(row, by_colour), kind, parse, ignore)
    if not by_colour and not any(text.strip().isdecimal() for text in ignore or ()):
        codes.setdefault(255, 0)
    return Legend(names, by_colour, tuple(codes.items()), note=note, colours=_class_colours(path, rows, names))


def read_labels(path: Path, background: str | None, ignore: Sequence[str] | None = None) -> Legend:
    """Read a class table for annotation files; without a column of labels the names are the labels.

    `background`: the class of pixels that no shape covers; it becomes the first class if the table lacks it. `ignore`:
    classes and labels that become 0.
    """
    rows, note = read_rows(path)
    if not any("name" in row for _, row in rows):
        raise refusal(path, _columns(path, {key for _, row in rows for key in row}))
    legend = _labelled(path, rows, background, ignore)
    return replace(legend, note=note, colours=_class_colours(path, rows, legend.names))


def name_labels(
    labels: Iterable[str], background: str | None, file: Path, ignore: Sequence[str] | None = None
) -> Legend:
    """Make each label but the ignored ones a class, in their order."""
    return _labelled(file, [(f"label {label!r}", {"name": label}) for label in labels], background, ignore)


def _labelled(file: Path, rows: list[Row], background: str | None, ignore: Sequence[str] | None) -> Legend:
    background = None if background is None else spelled(background)
    known = {spelled(str(row.get("name"))) for _, row in rows}
    if background is not None and background not in known:
        rows = [("--background", {"name": background}), *rows]
    names, labels = _numbered(file, rows, row_labels, "label", partial(_label, rows), ignore)
    return Legend(names, False, (), tuple(labels.items()), names.index(background) + 1 if background in names else 0)


def _label(rows: list[Row], text: str) -> str:
    """Return the label that `text` is. Raises ValueError."""
    label = spelled(text)
    if not any(label in row_labels(row) for _, row in rows):
        raise ValueError(text)
    return label


def _numbered(
    path: Path,
    rows: list[Row],
    codes_of: Callable[[dict[str, Any]], list[Code]],
    kind: str,
    parse: Callable[[str], Code],
    ignore: Sequence[str] | None,
) -> tuple[tuple[str, ...], dict[Code, int]]:
    """Return the classes' names, and each code's annotation value. Raises InputError that lists every bad row."""
    problems: list[str] = []
    numbers: dict[str, int] = {}
    codes: dict[Code, int] = {}
    for where, row in rows:
        cell = row.get("name")
        name = spelled(cell) if isinstance(cell, str) else ""
        if trouble := unusable(name):
            problems.append(f"{where}: {trouble}")
            continue
        number = 0 if name.lower() in (IGNORED, UNLABELLED) else numbers.setdefault(name, len(numbers) + 1)
        try:
            if any(codes.setdefault(code, number) != number for code in codes_of(row)):
                problems.append(f"{where}: another class has the same {kind}")
        except ValueError as error:
            problems.append(f"{where}: {error}")
    if problems:
        raise refusal(path, "\n    ".join(["", *problems]), "fix the rows named")
    names, codes = drop_ignored(tuple(numbers), codes, ignore or (), parse, kind, path)
    if not 1 <= len(names) <= MAX_CLASSES:
        raise refusal(path, f"{len(names)} classes")
    return names, codes


def _class_colours(path: Path, rows: list[Row], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first colour of each class, '' for none; () if the table has no colours."""
    colours = dict.fromkeys(names, "")
    for where, row in rows:
        name = spelled(str(row.get("name") or ""))
        if colours.get(name) == "" and row.get("colour") not in EMPTY:
            try:
                colours[name] = f"#{row_codes(row, by_colour=True)[0]:06x}"
            except ValueError as error:
                raise refusal(path, f"{where}: {error}", "fix that row") from None
    return tuple(colours.values()) if any(colours.values()) else ()


def _by_colour(path: Path, rows: list[Row], by: str | None) -> bool:
    keys = {key for _, row in rows for key in row}
    kinds = [kind for kind in ("value", "colour") if kind in keys and by in (None, kind)]
    if not kinds or "name" not in keys:
        raise refusal(path, _columns(path, keys))
    if len(kinds) == 2:
        raise refusal(path, "both values and colours", "say --masks-by value or --masks-by colour")
    return kinds == ["colour"]


def _columns(path: Path, keys: set[str]) -> str:
    """Say which columns a table without the needed ones has."""
    if not keys:
        return "no rows, and so no columns"
    listed = ", ".join(sorted(filter(None, keys)))
    if path.suffix.lower() != ".json" and not keys & {"name", "value", "colour"}:
        return f"no header line: the first one has {listed}"
    return f"columns {listed}"
