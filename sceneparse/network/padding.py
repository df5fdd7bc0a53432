"""Any picture through a network that takes multiples of 32: padded on the way in, cropped on the way out."""

from typing import Any, TypeAlias

import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.dataset.images import MEAN_RGB

Network: TypeAlias = Any  # a keras.Model, or what can be called like one
STRIDE = 32  # of the network's coarsest layer: its input's height and width are multiples of it


def compute_logits(model: Network, images: Tensor) -> Tensor:
    """Return logits, float32 [B, H, W, N], of uint8 images [B, H, W, 3] of any size from 1 x 1 up.

    Heights and widths must be known when it is called or traced, unless the model can do without: Keras's interpolation
    cannot.
    """
    height, width = _sides(images)
    return model(pad(images), training=False)[:, :height, :width]


def pad(images: Tensor) -> Tensor:
    """Pad uint8 images [B, H, W, 3] below and to the right, to multiples of 32.

    The padding has the mean colour, which the network sees as zeros, like the border of every SAME convolution.
    """
    # Not -height % STRIDE: tf2onnx would divide a negative number towards zero.
    below, right = ((STRIDE - side % STRIDE) % STRIDE for side in _sides(images))
    if isinstance(below, int) and isinstance(right, int) and not below + right:
        return images
    mean = tf.constant(MEAN_RGB)
    padded = tf.pad(tf.cast(images, tf.float32) - mean, [[0, 0], [0, below], [0, right], [0, 0]]) + mean
    return tf.cast(tf.round(padded), tf.uint8)


def _sides(images: Tensor) -> tuple[Any, Any]:
    """Return the height and the width: numbers where they are known, else tensors."""
    known = images.shape[1:3]
    if None not in known:
        return known[0], known[1]
    dynamic = tf.shape(images)
    return tuple(dynamic[axis] if side is None else side for axis, side in enumerate(known, 1))
