"""Tables, lines and JSON on standard output, with nothing in them that a terminal would take for a command."""

import json
from collections.abc import Iterable, Sequence
from typing import TextIO

from sceneparse.core.errors import printable


def print_json(value: object) -> None:
    """Print strict JSON. Characters that do not print can only be in its strings: they are escaped there."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    print("".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text))


def print_line(text: str, file: TextIO | None = None) -> None:
    """Print a line that names things from outside; to standard output by default."""
    print(printable(text), file=file)


def print_table(heads: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Print columns under their heads: text to the left, numbers to the right, '-' for what does not exist."""
    content = [list(row) for row in rows]
    numeric = [not any(isinstance(row[column], str) for row in content) for column in range(len(heads))]
    cells = [list(heads), *([_cell(value) for value in row] for row in content)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        aligned = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        )
        print("  ".join(aligned).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else printable(str(value))
