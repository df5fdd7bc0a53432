"""Tables as text, such as CSV: a line is a row, and no cell holds a line break."""

import csv
from collections.abc import Iterator

QUOTES = (
    "a cell that begins with a quotation mark ends with one, in the same line, and doubles those inside: "
    '"""Stop"" sign"'
)


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, each with its number from 1."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.rstrip("\r")


def split_cells(line: str, delimiter: str, *, skip_blanks: bool = False) -> list[str]:
    """Return the cells of a line; `skip_blanks`: without those after delimiters. Raises ValueError.

    Each line alone: a quotation mark that nothing closes would otherwise make one cell of the lines after it.
    """
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=skip_blanks, strict=True))
    except csv.Error as error:
        raise ValueError(f"{error}; {QUOTES}" if '"' in line else str(error)) from None
