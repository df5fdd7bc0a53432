"""Times of commands, as medians with their range."""

import statistics
from collections.abc import Sequence


def spread(seconds: Sequence[float]) -> str:
    """Return the median, the least and the greatest of seconds."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
