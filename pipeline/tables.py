"""Tables and JSON on standard output."""

import json
from collections.abc import Iterable, Sequence


def print_json(value: object) -> None:
    """Print strict JSON."""
    print(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False))


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
    # A name may hold a line's end, or what a terminal takes for a command.
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
