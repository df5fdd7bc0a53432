"""A device without room for a batch: an error that says what to make smaller."""

import subprocess
import sys

import pytest

from sceneparse.core.errors import InputError, TransientError
from sceneparse.core.file_errors import files_understood

FULL = """
import tensorflow as tf
from sceneparse.core.errors import InputError
from sceneparse.core.file_errors import files_understood
try:
    with files_understood():
        tf.zeros([1 << 20, 1 << 20, 1 << 10])
except InputError as error:
    print(error)
"""


def test_pythons_error_names_what_to_make_smaller():
    with pytest.raises(InputError, match="memory is used up") as refusal, files_understood():
        raise MemoryError
    assert not isinstance(refusal.value, TransientError)
    assert "train.micro_batches" in refusal.value.next_step


@pytest.mark.slow
def test_tensorflows_error_is_understood_too(root):
    done = subprocess.run([sys.executable, "-c", FULL], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("memory is used up"), done.stderr[-1000:]
    assert "allocating tensor" in done.stdout
