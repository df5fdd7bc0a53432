"""Loss of a batch from the network's coarse scores: upsampled, compared and forgotten part by part.

The logits of a batch of 16 with 150 classes at 256 x 256 fill 0.6 GB, and their gradient as much again. Here at most
PART of them exist at a time, and the gradient is kept for the coarse scores alone, a 64th of it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.network.coarse import upsample

PART = 1 << 25  # logits at a time, at least those of a picture: half as many make a step a sixth slower

Sums = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def batch_loss(labels: Tensor, scores: Tensor, factor: int, sums: Sums) -> tuple[Tensor, Tensor]:
    """Return the sums of the losses and of their weights: two float32 scalars.

    labels: uint8 [B, H, W]; scores: float32 [B, H / factor, W / factor, N]. `sums` returns both sums for labels and
    logits, float32 [b, H, W, N].
    """
    parts = _divide(labels, scores, factor)
    losses, weights = _map(lambda labels, scores: sums(labels, upsample(scores, factor)), parts, [[], []])
    return tf.reduce_sum(losses), tf.reduce_sum(weights)


def batch_loss_and_gradient(labels: Tensor, scores: Tensor, factor: int, sums: Sums) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sums of `batch_loss`, and the gradient of the first one for the scores."""

    def differentiate(labels: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss_sum, weight_sum = sums(labels, upsample(scores, factor))
        return loss_sum, weight_sum, tape.gradient(loss_sum, scores)

    parts = _divide(labels, scores, factor)
    losses, weights, gradients = _map(differentiate, parts, [[], [], parts[1].shape[1:]])
    return tf.reduce_sum(losses), tf.reduce_sum(weights), tf.reshape(gradients, scores.shape)


def _divide(labels: Tensor, scores: Tensor, factor: int) -> list[Tensor]:
    """Return both with a new first axis: equal parts, as few as PART allows; single pictures if B is not static."""
    batch, height, width, outputs = scores.shape
    most = max(1, PART // (height * width * factor**2 * outputs))  # pictures of a part
    pictures = max(size for size in range(1, min(batch, most) + 1) if batch % size == 0) if batch else 1
    return [tf.reshape(each, [-1, pictures, *each.shape[1:]]) for each in (labels, scores)]


def _map(function: Callable[..., Any], parts: list[Tensor], shapes: Sequence[Any]) -> Any:
    """Return the results of the function, of these shapes, for each part, stacked; one part at a time."""
    if parts[0].shape[0] == 1:
        return [result[tf.newaxis] for result in function(*(each[0] for each in parts))]
    signature = tuple(tf.TensorSpec(shape, tf.float32) for shape in shapes)
    return tf.map_fn(lambda part: function(*part), tuple(parts), fn_output_signature=signature, parallel_iterations=1)
