"""Least rate of a connection: a slower one has stalled, or its peer wants to hold a place here."""

import time

LEAST_RATE = 1000  # bytes a second; a phone's line far from its mast brings a few times this
WINDOW_S = 30.0  # seconds that a connection may be behind


class LeastRate:
    """Measure of how far a connection is behind the least rate; faster bytes make up for no later silence."""

    def __init__(self) -> None:
        self._lag, self._at = 0.0, time.monotonic()

    def add(self, count: int) -> None:
        """Count bytes that have moved."""
        self._lag, self._at = max(0.0, self.lag() - count / LEAST_RATE), time.monotonic()

    def lag(self) -> float:
        """Return the seconds that the connection is behind."""
        return self._lag + time.monotonic() - self._at

    def too_slow(self) -> bool:
        """Return whether the connection is more than WINDOW_S behind."""
        return self.lag() > WINDOW_S
