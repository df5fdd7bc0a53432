"""Colours and columns on a terminal, by rich; elsewhere the text alone.

rich leaves colours out where NO_COLOR is set, and all styles where TERM is dumb. It loads only for a terminal.
"""

import sys
from collections.abc import Sequence
from typing import Any, TextIO

# What stands out in a line, and how: the group's name is a style's.
WORDS = {
    "bold red": r"^error(?=:)|\b(Failed|Crashed|BelowGate)$",
    "bold yellow": r"^warning(?=:)",
    "cyan": r"^note(?=:)|\bCached$",
    "green": r"\bCompleted$",
    "dim": r"^ {2}(expected|got|file|next|fix):",
}


def print_text(text: str, file: TextIO | None = None) -> None:
    """Print lines as they are, with `WORDS` in their styles on a terminal; to standard output by default.

    What comes from outside must be printable already.
    """
    stream = file or sys.stdout
    if not on_terminal(stream):
        print(text, file=stream, flush=True)
        return
    from rich.text import Text

    styled = Text(text)
    for style, words in WORDS.items():
        styled.highlight_regex(rf"(?m){words}", style)
    _console(stream).print(styled, soft_wrap=True)


def print_columns(heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> None:
    """Print a table that fits the terminal of standard output: text folds where it must, numbers align to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for head, right in zip(heads, numeric, strict=True):
        table.add_column(Text(head), justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in rows:
        table.add_row(*map(Text, row))
    _console(sys.stdout).print(table)


def on_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; a closed one is none."""
    return stream is not None and stream.isatty()


def _console(stream: TextIO) -> Any:
    from rich.console import Console

    return Console(file=stream, highlight=False)
