"""Garbage collection while large libraries load, and when a process ends.

It would look at every object of TensorFlow or Prefect again and again, which takes a fifth of their import, and once
more at the end of the process. What they import is no garbage.
"""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

_is_ours: list[bool] = []


def own_process() -> None:
    """Say that this process runs a command or a stage alone, so that no caller's objects are in it.

    What `uncollected` has imported is then left out of every later collection, and the last one does not take place.
    """
    _is_ours.append(True)
    atexit.register(gc.freeze)


@contextmanager
def uncollected() -> Iterator[None]:
    """Run the block, which imports, without garbage collection."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if _is_ours:
            gc.freeze()
        if collects:
            gc.enable()
