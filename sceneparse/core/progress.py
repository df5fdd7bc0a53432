"""Progress of a stage or a command: a bar on a terminal, elsewhere a line now and then. Log lines stand above bars."""

import logging
import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from tqdm import tqdm

RARE_SECONDS = 30.0  # between lines where there is no terminal, and before the first
DRAW = "SCENEPARSE_BARS"  # draw bars without a terminal as well: who reads them has one
LINE = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


def progress(iterable: Iterable[Any] | None = None, desc: str = "", **settings: Any) -> Any:
    """Return tqdm's bar, which takes tqdm's settings; on no terminal it is a line every RARE_SECONDS."""
    if sys.stderr is None:  # after 2>&-
        return tqdm(iterable, disable=True)
    if not (sys.stderr.isatty() or os.environ.get(DRAW)):
        settings |= {"mininterval": RARE_SECONDS, "maxinterval": RARE_SECONDS, "delay": RARE_SECONDS}
        settings |= {"file": _Lines(sys.stderr), "bar_format": LINE}
    return tqdm(iterable, desc, **settings)


class AboveBars(logging.StreamHandler[TextIO]):
    """Log lines on standard error: bars are cleared before a line and drawn again below it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        with tqdm.external_write_mode(file=self.stream):
            super().emit(record)


class _Lines:
    """A bar's states as lines, instead of one drawn over the other."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        if line := text.strip():
            self._stream.write(f"{line}\n")

    def flush(self) -> None:
        self._stream.flush()
