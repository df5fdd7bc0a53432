"""Errors of memory as InputErrors: what to make smaller.

Input: an exception of TensorFlow's or Python's. Output: an InputError, or None if it is not about memory. On a CPU the
system may end the process instead, which no exception tells.
"""

from sceneparse.core.errors import InputError, shortened


def memory_error(error: BaseException) -> InputError | None:
    """Return the InputError for an exception that says that memory is used up."""
    kind = type(error)
    tensorflows = kind.__module__.startswith("tensorflow.") and kind.__name__ == "ResourceExhaustedError"
    if not (tensorflows or isinstance(error, MemoryError)):
        return None
    return InputError(
        "memory is used up",
        expected="a device, or a machine, that holds a batch",
        got=shortened(str(error).strip() or kind.__name__, 300),
        file="params.yaml, or the command's flags",
        next_step="train: raise train.micro_batches, which must divide train.batch_size, for the same updates in "
        "smaller parts; evaluate: lower evaluate.batch_size; a command: --batch 1; or end other programs on the device",
    )
