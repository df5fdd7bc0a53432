"""Progress of a stage or a command: a bar on a terminal, elsewhere a line now and then; log lines go above bars."""

import logging
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from tqdm import tqdm

from sceneparse.core.terminal import print_text

RARE_SECONDS = 30.0  # between lines where there is no terminal, and before the first
DRAW = "SCENEPARSE_BARS"  # environment variable: draw bars although standard error is no terminal, its reader has one
LINE = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"
BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


def progress(iterable: Iterable[Any] | None = None, desc: str = "", estimate: bool = True, **settings: Any) -> Any:
    """Return a tqdm bar with tqdm's settings; without a terminal it prints a line every RARE_SECONDS.

    Without `estimate` it leaves out how long it still takes, where the caller knows better.
    """
    if sys.stderr is None:  # after 2>&-
        return tqdm(iterable, disable=True)
    if not (sys.stderr.isatty() or os.environ.get(DRAW)):
        settings |= {"mininterval": RARE_SECONDS, "maxinterval": RARE_SECONDS, "delay": RARE_SECONDS}
        settings |= {"file": _Lines(sys.stderr), "bar_format": LINE}
        settings |= {"smoothing": 0.5}  # half of a line's rate is that since the line before
    if not estimate:
        settings["bar_format"] = settings.get("bar_format", BAR).replace("<{remaining}", "")
    return tqdm(iterable, desc, **settings)


def print_above_bars(text: str) -> None:
    """Print lines on standard error, above all bars."""
    with tqdm.external_write_mode(file=sys.stderr):
        print_text(text, sys.stderr)


class AboveBars(logging.StreamHandler[TextIO]):
    """Handler that writes log lines above bars: tqdm clears them before a line and draws them again below it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as a line above all bars."""
        with tqdm.external_write_mode(file=self.stream):
            super().emit(record)


class _Lines:
    """Stream that prints each state of a bar as a line of its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if line := text.strip():
            self._stream.write(f"{line}\n")

    def flush(self) -> None:
        self._stream.flush()
