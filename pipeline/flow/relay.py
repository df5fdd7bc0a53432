"""A stage's output on its way: to the terminal as it comes, and to Prefect's logs by lines."""

import logging
import sys
import time

from pipeline.repro.process import Lines

BAR_SECONDS = 30.0  # between looks at a progress bar: it would fill the logs otherwise


class Relay:
    """Call it with each piece of output."""

    def __init__(self, logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> None:
        self._logger = logger
        self._lines = Lines()
        self._looked = time.monotonic()

    def __call__(self, chunk: bytes) -> None:
        """Pass a piece of output on."""
        sys.stderr.buffer.write(chunk)
        sys.stderr.flush()
        for line in self._lines.feed(chunk):
            self._logger.info("%s", line)
        if self._lines.bar and time.monotonic() - self._looked > BAR_SECONDS:
            self._logger.info("%s", self._lines.bar)
            self._looked = time.monotonic()
