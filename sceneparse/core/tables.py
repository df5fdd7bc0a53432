"""Tables, lines and JSON on standard output, free of characters that a terminal takes for a command."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from sceneparse.core.errors import printable
from sceneparse.core.terminal import on_terminal, print_columns, print_text


def print_json(value: object) -> None:
    """Print strict JSON, its unprintable characters escaped: only strings can hold any."""
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    print("".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text))


def print_line(text: str, file: TextIO | None = None) -> None:
    """Print a line that names things from outside, escaped; to standard output by default."""
    print_text(printable(text), file)


def print_table(heads: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Print columns under their heads: text left-aligned, numbers right-aligned, '-' for None.

    Not pandas: importing it takes longer than most commands that print a table, and it aligns text to the right.
    """
    content = [list(row) for row in rows]
    numeric = [not any(isinstance(row[column], str) for row in content) for column in range(len(heads))]
    cells = [list(heads), *([_cell(value) for value in row] for row in content)]
    if on_terminal(sys.stdout):
        print_columns(cells[0], cells[1:], numeric)
        return
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
