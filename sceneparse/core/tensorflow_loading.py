"""The one door to TensorFlow: load it without its first lines of output, which are of no use to users.

TensorFlow's C++ prints them during import and the first search for devices, before any log level applies, so file
descriptor 2 is redirected for that time. They appear when TensorFlow fails to load or kills the process, when a GPU was
requested and none is there, and always with --debug or TF_CPP_MIN_LOG_LEVEL below 2.
"""

import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from sceneparse.core.collecting import uncollected

log = logging.getLogger(__name__)

LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # TensorFlow's own variable; child processes inherit it. 0 = all lines, 2 = errors
SHOW = "import sys; sys.stderr.buffer.write(sys.stdin.buffer.read())"
NO_GPU = "a GPU was requested, and TensorFlow finds none: its own lines are above"


def show_all() -> None:
    """Show all of TensorFlow's lines, of this process and its children, as --debug asks."""
    os.environ[LEVEL] = "0"


def load_tensorflow() -> None:
    """Import TensorFlow and let it find its devices. Call this before importing a module that imports it or Keras."""
    os.environ.setdefault(LEVEL, "2")
    if "tensorflow" in sys.modules:
        return
    with held_output() as show, uncollected():
        if not _finds_gpu() and gpu_asked_for(os.environ):
            show()
            log.warning(NO_GPU)


def gpu_asked_for(environment: Mapping[str, str]) -> bool:
    """Return whether CUDA_VISIBLE_DEVICES names a device; if it is unset, whether NVIDIA's libraries are installed."""
    devices = environment.get("CUDA_VISIBLE_DEVICES")
    if devices is None:
        return importlib.util.find_spec("nvidia") is not None
    return devices.strip() not in ("", "-1", "NoDevFiles")


@contextmanager
def held_output() -> Iterator[Callable[[], None]]:
    """Hold back the block's output to file descriptor 2; print it if the block fails or calls the yielded function.

    A small process holds the output, and prints it if this process crashes: on a processor without the instructions
    that TensorFlow needs, TensorFlow names them and aborts. Ctrl-C is no failure. With --debug nothing is held back.
    """
    if os.environ.get(LEVEL, "2") < "2" or sys.stderr is None:  # None after 2>&-
        yield lambda: None
        return
    command = [sys.executable, "-I", "-S", "-c", SHOW]
    reader, writer = os.pipe()
    holder = subprocess.Popen(command, stdin=reader, start_new_session=True)
    shown: list[bool] = []
    sys.stderr.flush()
    before = os.dup(2)
    os.dup2(writer, 2)
    os.close(reader)
    os.close(writer)
    try:
        yield lambda: shown.append(True)
    except Exception:
        shown.append(True)
        raise
    finally:
        sys.stderr.flush()
        if not shown:
            holder.kill()  # before its input ends, when it would print
        os.dup2(before, 2)
        os.close(before)
        with suppress(subprocess.TimeoutExpired):  # it runs while a process that the block started can still write
            holder.wait(5)


def _finds_gpu() -> bool:
    """Return whether TensorFlow finds a GPU."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
