"""The best output of each pixel of a picture, from scores at the network's size, in bounded memory."""

import numpy as np
import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.dataset.images import Pixels

CHUNK = 16  # outputs upsampled at a time
BAND = 1 << 23  # pixels decided at a time: with a chunk's scores in float32, half a gigabyte


def best_outputs(scores: Tensor, size: tuple[int, int]) -> Pixels:
    """Return the best output of each pixel, uint8 [B, *size], of scores, float32 [B, h, w, N], resized bilinearly."""
    height, width = size
    outputs, rows = scores.shape[-1], max(1, BAND // width)
    if rows >= height:
        best: Pixels = _upsampled_argmax(scores, tf.constant(size), outputs).numpy()
        return best
    bands = (tf.constant((top, min(top + rows, height))) for top in range(0, height, rows))
    return np.concatenate([_upsampled_argmax(scores, tf.constant(size), outputs, band) for band in bands], axis=1)


# Sizes are tensors here, so there is one trace for pictures of all sizes.
@tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]  # TensorFlow has no types
def _upsampled_argmax(scores: Tensor, size: Tensor, outputs: int, band: Tensor = None) -> Tensor:
    """Return the best output of each pixel, uint8 [B, H, W], of scores [B, h, w, outputs] resized to `size` = [H, W].

    Keeps a running maximum over groups of outputs, one group at a time: the full-size scores of
    a large picture and 150 classes would take gigabytes. `band` = [top, bottom] asks for these rows alone.
    """
    highest, best = None, None
    for start in range(0, outputs, CHUNK):
        # TensorFlow would work on several groups at a time, and hold them all.
        with tf.control_dependencies([] if best is None else [highest, best]):
            part = scores[..., start : start + CHUNK]
            group = tf.image.resize(part, size) if band is None else _resized_band(part, size, band)
        top = tf.reduce_max(group, axis=-1)
        index = tf.cast(tf.argmax(group, axis=-1) + start, tf.uint8)
        if best is None:
            highest, best = top, index
        else:
            # Strictly greater: ties go to the first output, as in a single argmax.
            best = tf.where(top > highest, index, best)
            highest = tf.maximum(top, highest)
    return best


def _resized_band(scores: Tensor, size: Tensor, band: Tensor) -> Tensor:
    """Return rows band[0] to band[1] - 1 of tf.image.resize(scores, size), but for rounding in the last bit."""
    scale = tf.cast(size, tf.float32) / tf.cast(tf.shape(scores)[1:3], tf.float32)
    return tf.raw_ops.ScaleAndTranslate(
        images=scores,
        size=tf.stack([band[1] - band[0], size[1]]),
        scale=scale,
        translation=tf.stack([-tf.cast(band[0], tf.float32), 0.0]),
        kernel_type="triangle",
        antialias=False,
    )
