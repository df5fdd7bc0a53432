"""Second model over the network's variables, for training alone: its dropout and normalization differ.

Dropout is a function of the seed, the step and a picture's place in the global batch; Keras's layer draws from a
running state, for the rows that it gets. Normalization on one device is TensorFlow's fused operation; Keras's
synchronized layer makes several passes and takes a quarter of a step on a CPU. The saved model is the network itself.
"""

from typing import Any

import keras
import tensorflow as tf

from sceneparse.core.types import Tensor


class Part:
    """Place of a micro-batch: which of `of` equal parts of the replica's rows it is."""

    def __init__(self, step: Tensor) -> None:
        self.step = step  # a variable, int64: updates made so far
        self.index, self.of = 0, 1


def training_view(model: Any, part: Part) -> Any:
    """Return the model with its dropout and, on one device, its normalization replaced; call it in the scope."""
    alone = tf.distribute.get_strategy().num_replicas_in_sync == 1

    def replaced(layer: Any) -> Any:
        if isinstance(layer, keras.layers.Dropout) and layer.rate:
            return BatchDropout(layer, part)
        return FusedNormalization(layer) if alone and isinstance(layer, keras.layers.BatchNormalization) else layer

    return keras.models.clone_model(model, clone_function=replaced)


class BatchDropout(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Dropout drawn for the global batch, of which it applies the rows of its replica's part.

    Replicas hold consecutive rows, in order.
    """

    def __init__(self, dropout: Any, part: Part) -> None:
        super().__init__(name=f"{dropout.name}_of_batch", dtype=dropout.dtype_policy)
        self.rate, self._seed, self._part = dropout.rate, dropout.seed, part

    def call(self, inputs: Tensor) -> Tensor:
        """Drop values and divide the others by 1 - rate, as usual."""
        replica = tf.distribute.get_replica_context()
        rows, part = tf.shape(inputs)[0], self._part
        rows_of_replica = rows * part.of
        shape = [rows_of_replica * replica.num_replicas_in_sync, *inputs.shape[1:]]
        seed = tf.stack([tf.constant(self._seed, tf.int64), tf.cast(part.step, tf.int64)])
        kept = tf.random.stateless_uniform(shape, seed) >= self.rate
        first = rows_of_replica * replica.replica_id_in_sync_group + rows * part.index
        return inputs * tf.cast(kept[first : first + rows], inputs.dtype) / (1 - self.rate)

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the input's shape; without this Keras would call the layer, outside of any replica, to find out."""
        return shape


class FusedNormalization(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """BatchNormalization layer in training, as one operation that also updates the moving statistics."""

    def __init__(self, layer: Any) -> None:
        super().__init__(name=f"{layer.name}_fused", dtype=layer.dtype_policy)
        self._layer = layer

    def call(self, inputs: Tensor, training: bool = True, mask: Tensor = None) -> Tensor:
        """Normalize [b, h, w, C] over all axes but the channels."""
        layer = self._layer
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, layer.gamma, layer.beta, epsilon=layer.epsilon, is_training=True
        )
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
        # The operation returns the unbiased variance; Keras keeps the biased one.
        for moving, value in ((layer.moving_mean, mean), (layer.moving_variance, variance * (count - 1) / count)):
            moving.assign(layer.momentum * moving + (1 - layer.momentum) * value)
        return outputs

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the input's shape."""
        return shape
