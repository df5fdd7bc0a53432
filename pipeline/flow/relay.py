"""Relay of a stage's output: to Prefect's logs line by line, and to the terminal as it comes.

Where Prefect prints its logs, as in the runs of `sceneparse serve`, that is all that is printed.
"""

import logging
import sys
import time

from prefect.logging.handlers import PrefectConsoleHandler

from pipeline.repro.process import Lines

BAR_SECONDS = 30.0  # between log lines of a progress bar, which would fill the logs otherwise


class Relay:
    """Function of a piece of output that passes it on."""

    def __init__(self, logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
        self._logger = logger
        self._lines = Lines()
        self._logged = time.monotonic()
        self._prints = sys.stderr is not None and not _printed(logger)  # None where the caller closed it

    def __call__(self, chunk: bytes) -> None:
        """Log the complete lines of a piece of output; write it to standard error, unless the log is printed."""
        if self._prints:
            sys.stderr.buffer.write(chunk)
            sys.stderr.flush()
        for line in self._lines.feed(chunk):
            self._logger.info("%s", line)
        if self._lines.bar and time.monotonic() - self._logged > BAR_SECONDS:
            self._logger.info("%s", self._lines.bar)
            self._logged = time.monotonic()


def _printed(logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> bool:
    """Return whether Prefect prints what this logger logs at level INFO."""
    place: logging.Logger | None = logger.logger if isinstance(logger, logging.LoggerAdapter) else logger
    handlers: list[logging.Handler] = []
    while place:
        handlers += place.handlers
        place = place.parent if place.propagate else None
    return any(isinstance(each, PrefectConsoleHandler) and each.level <= logging.INFO for each in handlers)
