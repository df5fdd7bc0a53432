"""Times that a training prints: how long it still takes, and its images a second."""

import time
from collections import deque
from collections.abc import Sequence

import numpy as np

READINGS = 8  # of the loss, over which the speed is taken


class Pace:
    """Time left at the pace of the last epochs, if updates cost as much as their windows have pixels.

    `steps`: updates in an epoch; `sides`: the window's side in each epoch; `epochs`: how many make the pace.
    """

    def __init__(self, step: int, steps: int, sides: Sequence[int], epochs: int) -> None:
        self._ends = steps * np.arange(len(sides) + 1)
        self._pixels = np.cumsum([0, *(side * side for side in sides)])
        self._steps, self._compiled = steps, step + 1
        self._marks = deque([(step, time.monotonic())], maxlen=1 + epochs)

    def done(self, step: int) -> None:
        """Begin to count after the first step of this process, which compiles, unless an epoch ends with it."""
        if step == self._compiled and step % self._steps:
            self._marks[0] = (step, time.monotonic())

    def seconds_left(self, step: int) -> float:
        """Return the seconds from `step`, the end of an epoch, to the end of the training."""
        self._marks.append((step, time.monotonic()))
        (first, began), (_, now) = self._marks[0], self._marks[-1]
        done, reached = np.interp([first, step], self._ends, self._pixels)
        return float((now - began) / (reached - done) * (self._pixels[-1] - reached))


class Speed:
    """Images a second over the last readings of an epoch, without its validation and the first step, which compiles."""

    def __init__(self, batch_size: int) -> None:
        self._batch_size = batch_size
        self._marks: deque[tuple[int, float]] = deque(maxlen=READINGS)

    def text(self, step: int) -> str:
        """Return ', N images/s' for the bar, or nothing at the first reading; call it once a reading."""
        self._marks.append((step, time.monotonic()))
        (first, began), (_, now) = self._marks[0], self._marks[-1]
        return f", {(step - first) * self._batch_size / (now - began):.1f} images/s" if step > first else ""

    def pause(self, step: int) -> None:
        """Begin again after a pause at `step`, which does not count."""
        self._marks.clear()
        self._marks.append((step, time.monotonic()))
