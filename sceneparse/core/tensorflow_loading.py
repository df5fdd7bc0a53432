"""The one door to TensorFlow: loads it without the lines that it prints first, none of which is for the user.

They come from C++ while it is imported and when it first looks for devices, before it heeds any log level, so file
descriptor 2 is held meanwhile. They are shown when TensorFlow does not load or kills the process, when a GPU was asked
for and none is there, and always with --debug or TF_CPP_MIN_LOG_LEVEL below 2.
"""

import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

log = logging.getLogger(__name__)

LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # TensorFlow's own variable, which child processes inherit: 0 = all, 2 = errors alone
SHOW = "import sys; sys.stderr.buffer.write(sys.stdin.buffer.read())"
NO_GPU = "a GPU was asked for, and TensorFlow sees none: its own lines are above"


def show_all() -> None:
    """Let TensorFlow, here and in processes started from here, say what it says: --debug."""
    os.environ[LEVEL] = "0"


def load_tensorflow() -> None:
    """Import TensorFlow and let it look for devices. To be called before anything that imports it or Keras."""
    os.environ.setdefault(LEVEL, "2")
    if "tensorflow" in sys.modules:
        return
    with held_output() as show:
        if not _look_for_devices() and gpu_asked_for(os.environ):
            show()
            log.warning(NO_GPU)


def gpu_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether CUDA_VISIBLE_DEVICES names a device; where it is not set, whether NVIDIA's libraries are installed."""
    devices = environment.get("CUDA_VISIBLE_DEVICES")
    if devices is None:
        return importlib.util.find_spec("nvidia") is not None
    return devices.strip() not in ("", "-1", "NoDevFiles")


@contextmanager
def held_output() -> Iterator[Callable[[], None]]:
    """Keep what the block, or C++ in it, writes to file descriptor 2; show it if the block fails or calls the function.

    A small process of its own keeps it, which also shows it when this one crashes: without the processor's instructions
    that it needs, TensorFlow says so and aborts. A Ctrl-C is no failure. With --debug nothing is kept.
    """
    if os.environ.get(LEVEL, "2") < "2" or sys.stderr is None:  # there is none after 2>&-
        yield lambda: None
        return
    command = [sys.executable, "-I", "-S", "-c", SHOW]
    reader, writer = os.pipe()
    holder = subprocess.Popen(command, stdin=reader, start_new_session=True)  # noqa: S603
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
            holder.kill()  # before it could see the end of what it holds
        os.dup2(before, 2)
        os.close(before)
        with suppress(subprocess.TimeoutExpired):  # it goes on while a process that the block started can still write
            holder.wait(5)


def _look_for_devices() -> bool:
    """Whether TensorFlow sees a GPU."""
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))
