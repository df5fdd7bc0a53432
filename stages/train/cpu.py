"""Speed on a CPU: large tensors are passed over once, and their memory is kept from step to step.

With a GPU nothing here has an effect: XLA may lack files of CUDA's that TensorFlow does without, and TensorFlow keeps
a GPU's memory itself.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import keras

from sceneparse.params.model import Model

LEAST = 1 << 20  # elements of a tensor that are worth a tenth of a second of compiling
MMAP_LIMIT = 32 << 20  # bytes: the most that glibc's M_MMAP_THRESHOLD can be (mallopt(3))
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of glibc's malloc.h


def one_pass(function: Callable[..., Any], elements: int = LEAST) -> Callable[..., Any]:
    """Return the function compiled by XLA, if it is for tensors of at least LEAST elements.

    TensorFlow's own operations make a pass over memory each.
    """
    if elements < LEAST or not _on_cpu():
        return function
    import tensorflow as tf

    compiled: Callable[..., Any] = tf.function(function, autograph=False, jit_compile=True)
    return compiled


def keep_large_blocks(model: Model) -> None:
    """Have glibc keep freed blocks of memory, if the network's largest kernel needs more than MMAP_LIMIT.

    It otherwise gives those back to the system, which clears each page of the next ones: a seventh of a step at full
    width. In return all threads share one arena, which makes many small allocations slower, and the peak of memory can
    grow by a quarter. Call this before TensorFlow starts threads. With another C library it does nothing.
    """
    fc6 = 4 * 7 * 7 * (512 * model.width) * (model.head_channels * model.width)  # bytes
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt and _on_cpu() and fc6 > MMAP_LIMIT:
        mallopt(_ARENA_MAX, 1)  # no other arena can hold such blocks
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def _on_cpu() -> bool:
    """Return whether TensorFlow computes, without a GPU."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")
