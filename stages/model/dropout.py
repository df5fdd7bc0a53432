"""Dropout that is a function of the seed, the step and a picture's place in the global batch.

A second way into the network for training: the same layers and variables, but for its Dropout layers, which Keras
draws from a running state and for the rows that it sees. What is saved is Keras's own.
"""

from typing import Any

import keras
import tensorflow as tf


class Part:
    """Which of `of` equal parts of its replica's rows the network is seeing."""

    def __init__(self, step: Any) -> None:
        self.step = step  # a variable, int64: updates made so far
        self.index, self.of = 0, 1


def training_view(model: Any, part: Part) -> Any:
    """The model with its Dropout layers replaced."""

    def replaced(layer: Any) -> Any:
        return BatchDropout(layer, part) if isinstance(layer, keras.layers.Dropout) and layer.rate else layer

    return keras.models.clone_model(model, clone_function=replaced)


class BatchDropout(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Draws for the global batch, and takes the rows of its replica's part.

    Replicas hold consecutive rows, in order.
    """

    def __init__(self, dropout: Any, part: Part) -> None:
        super().__init__(name=f"{dropout.name}_of_batch", dtype=dropout.dtype_policy)
        self.rate, self._seed, self._part = dropout.rate, dropout.seed, part

    def call(self, inputs: Any) -> Any:
        """Kept values are divided by 1 - rate, as usual."""
        replica = tf.distribute.get_replica_context()
        rows, part = tf.shape(inputs)[0], self._part
        rows_of_replica = rows * part.of
        shape = [rows_of_replica * replica.num_replicas_in_sync, *inputs.shape[1:]]
        seed = tf.stack([tf.constant(self._seed, tf.int64), tf.cast(part.step, tf.int64)])
        kept = tf.random.stateless_uniform(shape, seed) >= self.rate
        first = rows_of_replica * replica.replica_id_in_sync_group + rows * part.index
        return inputs * tf.cast(kept[first : first + rows], inputs.dtype) / (1 - self.rate)

    def compute_output_shape(self, shape: Any) -> Any:
        """The input's; given so that Keras need not call the layer, outside of any replica, to find out."""
        return shape
