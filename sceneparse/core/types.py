"""Types of other libraries that carry no types of their own."""

from typing import Any, TypeAlias

Tensor: TypeAlias = Any  # tf.Tensor, or whatever Keras's backend computes with; a NumPy array will do in most places
