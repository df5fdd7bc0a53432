"""Random changes to a training pair, as pure functions of a seed.

Input: uint8 [S, S, 3] image and uint8 [S, S] annotation, both of the records' size. Output: the
same types, of side C = crop (null: S), so the network gets one kind of input in training and in use. With
first_crop the first epochs get the same scenes coarser, at a fraction of the cost (progressive learning: Tan and Le
2021, EfficientNetV2, section 4; the strength of augmentation stays).
Zoom, crop and flip sample both pictures at the same coordinates (bilinear for the image, nearest for the
annotation); outside of the picture the image has the mean colour and the annotation 0 = ignored.
"""

from typing import TYPE_CHECKING

import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.dataset.images import MEAN_RGB

if TYPE_CHECKING:  # a key added to section train reruns no stage that only reads records
    from sceneparse.params.train import Augment

GROWTH = 3  # window sizes in the course of a training, each for a third of the epochs
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


def window_sides(params: "Augment", size: int, epochs: int) -> list[int]:
    """Return the window's side in each epoch: multiples of 32 from `first_crop` to `crop` (null: `size`)."""
    crop = params.crop or size
    first = params.first_crop or crop
    to_go = ((epochs - 1 - epoch) * GROWTH // epochs for epoch in range(epochs))  # GROWTH - 1 ... 0, the last always 0
    return [crop - 32 * round((crop - first) * left / (GROWTH - 1) / 32) for left in to_go]


def augment(image: Tensor, annotation: Tensor, seed: Tensor, params: "Augment", side: int) -> tuple[Tensor, Tensor]:
    """Zoom, crop to `side`, flip and recolour the pair at random; `seed`, int64 [2], decides everything."""
    draws = tf.random.stateless_uniform([7], seed)
    image, annotation = zoom_crop_flip(image, annotation, draws, params, side)
    return recolour(image, draws, params), annotation


def zoom_crop_flip(
    image: Tensor, annotation: Tensor, draws: Tensor, params: "Augment", side: int
) -> tuple[Tensor, Tensor]:
    """Randomly zoom the pair, cut a window of `side` pixels out of it, and flip that.

    Returns float32 [side, side, 3] in 0..255 and uint8 [side, side]. `draws` are uniform in [0, 1).
    """
    size = image.shape[0]
    zoom = params.scale_min * (params.scale_max / params.scale_min) ** draws[0]  # log-uniform
    zoom *= side / (params.crop or size)  # a smaller window covers as much of the picture
    # In units of the whole span between the first and the last pixel's centre.
    span = (side - 1) / (size - 1) / zoom
    # A window larger than the picture sticks out on both sides.
    top, left = draws[1] * (1 - span), draws[2] * (1 - span)
    mirrored = draws[3] < params.flip
    first, last = tf.where(mirrored, left + span, left), tf.where(mirrored, left, left + span)
    box = tf.stack([top, first, top + span, last])[tf.newaxis]
    # Shifted so that the zeros with which crop_and_resize pads become the mean colour.
    mean = tf.constant(MEAN_RGB)
    window = tf.image.crop_and_resize(_add(tf.cast(image, tf.float32), -mean)[tf.newaxis], box, [0], [side, side])[0]
    labels = tf.image.crop_and_resize(annotation[tf.newaxis, :, :, tf.newaxis], box, [0], [side, side], "nearest")
    return _add(window, mean), tf.cast(labels[0, :, :, 0], tf.uint8)


def recolour(image: Tensor, draws: Tensor, params: "Augment") -> Tensor:
    """Randomly change brightness, contrast and saturation of float32 [H, W, 3]; returns uint8.

    Contrast scales the distance to the picture's mean luma, saturation the distance to the pixel's own. All three
    together are one 3 x 3 matrix and one offset.
    """
    strengths = tf.constant([params.brightness, params.contrast, params.saturation])
    brightness, contrast, saturation = tf.unstack(1 + strengths * (2 * draws[4:7] - 1))
    to_gray = tf.constant(LUMA)[:, tf.newaxis]  # [3, 1]
    mean = tf.reduce_mean(tf.reduce_mean(image, axis=0), axis=0, keepdims=True) @ to_gray * brightness  # [1, 1]
    matrix = (tf.eye(3) * saturation + to_gray * (1 - saturation)) * (brightness * contrast)
    colours = tf.tensordot(image, matrix, 1) + mean * (1 - contrast)
    return tf.cast(tf.round(tf.clip_by_value(colours, 0, 255)), tf.uint8)


def _add(image: Tensor, colour: Tensor) -> Tensor:
    """Add a colour, [3], to each pixel of [H, W, 3]: by rows, since broadcasting to pixels takes ten times as long."""
    height, width, channels = image.shape
    return tf.reshape(tf.reshape(image, [height, -1]) + tf.tile(colour, [width]), [height, width, channels])
