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
    window = tf.image.crop_and_resize(tf.cast(image, tf.float32)[tf.newaxis] - mean, box, [0], [side, side])[0] + mean
    labels = tf.image.crop_and_resize(annotation[tf.newaxis, :, :, tf.newaxis], box, [0], [side, side], "nearest")
    return window, tf.cast(labels[0, :, :, 0], tf.uint8)


def recolour(image: Tensor, draws: Tensor, params: "Augment") -> Tensor:
    """Randomly change brightness, contrast and saturation of float32 [C, C, 3]; returns uint8."""
    strengths = tf.constant([params.brightness, params.contrast, params.saturation])
    brightness, contrast, saturation = tf.unstack(1 + strengths * (2 * draws[4:7] - 1))
    image *= brightness
    mean = tf.reduce_mean(tf.tensordot(image, tf.constant(LUMA), 1))
    image = mean + (image - mean) * contrast
    gray = tf.tensordot(image, tf.constant(LUMA), 1)[:, :, tf.newaxis]
    image = gray + (image - gray) * saturation
    return tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), tf.uint8)
