"""TensorBoard's histograms of gradients, activations and weights, and pictures of the batch, with train.debug.

Input: a trainer after an update, its batch and its gradients. Output: TensorBoard's events. Invariant: the training
does not change.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.scores.palette import Colours
from stages.train.events import ACTIVATIONS, GRADIENTS, PICTURES, WEIGHTS
from stages.train.pictures import side_by_side

SHOWN = 2  # pictures of the batch
MOST = 1 << 18  # values of a histogram, for each of which tf.summary takes 300 bytes: fc6 has 100 million


def write_histograms(
    writer: Any, step: int, trainer: Any, batch: Any, gradients: list[Tensor], colours: Colours
) -> None:
    """Write the events of `step`. The batch holds uint8 images [B, S, S, 3] and labels [B, S, S].

    colours: RGB, uint8 [classes + 1, 3], indexed by annotation value.
    """
    images, labels = (trainer.strategy.experimental_local_results(value)[0][:SHOWN] for value in batch)
    shown = [layer for layer in trainer.model.layers if layer.name in trainer.layers]
    inside = keras.Model(trainer.model.input, [layer.output for layer in shown])
    variables = trainer.model.trainable_variables
    with writer.as_default(step=step):
        # With a frozen backbone there are gradients of the head alone, whose variables are the last.
        for variable, gradient in zip(variables[len(variables) - len(gradients) :], gradients, strict=True):
            tf.summary.histogram(f"{GRADIENTS}/{variable.path}", thinned(gradient))
        for variable in variables:
            tf.summary.histogram(f"{WEIGHTS}/{variable.path}", thinned(variable.value))
        for layer, activation in zip(shown, inside(images, training=False), strict=True):
            tf.summary.histogram(f"{ACTIVATIONS}/{layer.name}", thinned(activation))
        pictures = side_by_side(trainer, images, labels, colours)
        tf.summary.image(f"{PICTURES}/training batch", pictures, max_outputs=SHOWN)
    writer.flush()


def thinned(values: Tensor) -> Tensor:
    """Return all values of a tensor, or at most MOST evenly spaced ones, as [n]."""
    # Channels come in powers of two: an odd step meets all of them.
    step = -(-int(np.prod(values.shape)) // MOST) | 1
    return tf.reshape(values, [-1])[::step]
