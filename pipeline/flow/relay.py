"""Relay of a stage's output: to the terminal as it comes, and to Prefect's logs line by line."""

import logging
import sys
import time

from pipeline.repro.process import Lines

BAR_SECONDS = 30.0  # between log lines of a progress bar, which would fill the logs otherwise


class Relay:
    """Function of a piece of output that passes it on."""

    def __init__(self, logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
        self._logger = logger
        self._lines = Lines()
        self._logged = time.monotonic()

    def __call__(self, chunk: bytes) -> None:
        """Write a piece of output to standard error, and its complete lines to the log."""
        sys.stderr.buffer.write(chunk)
        sys.stderr.flush()
        for line in self._lines.feed(chunk):
            self._logger.info("%s", line)
        if self._lines.bar and time.monotonic() - self._logged > BAR_SECONDS:
            self._logger.info("%s", self._lines.bar)
            self._logged = time.monotonic()
