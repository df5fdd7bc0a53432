"""The scores that a network upsamples at its end: one for every 8 x 8 pixels, so a 64th of the logits' memory.

Upsampling 150 outputs to every pixel costs more than a small network itself. But bilinear interpolation is a convex
combination: an output cannot be the best of any pixel that lies among some scores if its highest score there is below
the lowest score of another output. The others are the candidates.
"""

from typing import Any

import keras
import tensorflow as tf

from sceneparse.core.types import Tensor

ROUNDING = 1e-5  # times the largest score: far more than interpolation can err by
PARALLEL = 4  # pictures looked at together


def cut_upsampling(network: Any) -> tuple[Any, int]:
    """Return the network without its last layer and that layer's factor, if it is a bilinear upsampling.

    Returns the network itself and 1 if it ends otherwise, as with model.upsampling learned.
    """
    last = network.layers[-1] if isinstance(network, keras.Model) else None
    if isinstance(last, keras.layers.UpSampling2D) and last.interpolation == "bilinear":
        return keras.Model(network.input, last.input, name=f"{network.name}_coarse"), last.size[0]
    return network, 1


def upsample(scores: Tensor, factor: int) -> Tensor:
    """Upsample scores [B, h, w, N] bilinearly, as Keras's layer does."""
    return scores if factor == 1 else tf.image.resize(scores, tf.shape(scores)[1:3] * factor)


@tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]  # TensorFlow has no types
def candidates(values: Tensor, span: int) -> Tensor:
    """Return the outputs that can be the best of a pixel, ascending, int32 [K], of scores [B, h, w, N].

    A pixel lies among at most `span` x `span` scores: 2 on a side if they are interpolated once, 3 if twice.
    """
    highest = tf.nn.max_pool2d(values, span, 1, "SAME")
    lowest = -tf.nn.max_pool2d(-values, span, 1, "SAME")
    bar = tf.reduce_max(lowest, axis=-1, keepdims=True) - ROUNDING * tf.reduce_max(tf.abs(values))
    wins = tf.reduce_any(highest >= bar, axis=(0, 1, 2))
    numbers = tf.math.is_finite(tf.reduce_sum(values))  # pooling drops NaN; training refuses it afterwards
    return tf.cast(tf.where(tf.logical_or(wins, tf.logical_not(numbers)))[:, 0], tf.int32)


def best_outputs_upsampled(scores: Tensor, factor: int) -> Tensor:
    """Return the best output of each pixel, int32 [B, H, W], of scores [B, h, w, N] that are upsampled by `factor`."""

    def of_one(single: Tensor) -> Tensor:
        ids = candidates(single[tf.newaxis], 2)
        return tf.gather(ids, tf.argmax(upsample(tf.gather(single[tf.newaxis], ids, axis=-1), factor)[0], axis=-1))

    # All together have more candidates, and need more memory.
    return tf.map_fn(of_one, scores, parallel_iterations=PARALLEL, fn_output_signature=tf.int32)
