"""The network as training sees it: a second way in, over the same variables. What is saved is Keras's own.

Dropout is a function of the seed, the step and a picture's place in the global batch, where Keras's is drawn from a
running state and for the rows that it sees. Normalization on one device is TensorFlow's fused operation: Keras's own,
which other devices can join, makes several passes and takes a quarter of a step on a CPU.
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
    """The model with its Dropout layers replaced and, on one device, its normalizations. In the strategy's scope."""
    alone = tf.distribute.get_strategy().num_replicas_in_sync == 1

    def replaced(layer: Any) -> Any:
        if isinstance(layer, keras.layers.Dropout) and layer.rate:
            return BatchDropout(layer, part)
        return FusedNormalization(layer) if alone and isinstance(layer, keras.layers.BatchNormalization) else layer

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


class FusedNormalization(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A BatchNormalization layer in training, in one operation: by the batch's statistics, which it takes in."""

    def __init__(self, layer: Any) -> None:
        super().__init__(name=f"{layer.name}_fused", dtype=layer.dtype_policy)
        self._layer = layer

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        """[b, h, w, C], normalized over all but the channels."""
        layer = self._layer
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, layer.gamma, layer.beta, epsilon=layer.epsilon, is_training=True
        )
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        # The operation's variance is the unbiased one; Keras keeps the batch's own.
        for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance * (count - 1) / count)):
            moving.assign(layer.momentum * moving + (1 - layer.momentum) * value)
        return outputs

    def compute_output_shape(self, shape: Any) -> Any:
        """The input's."""
        return shape
