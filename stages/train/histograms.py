"""TensorBoard's histograms of gradients, activations and weights, and pictures, with train.debug.

Input: a trainer after an update, its batch and its gradients. Output: TensorBoard's events. Invariant: the training
does not change.
"""

from typing import Any

import keras
import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.dataset.labels import outputs_to_annotation, to_annotation
from sceneparse.scores.palette import Colours

PICTURES = 2  # from the batch


def write_histograms(
    writer: Any, step: int, trainer: Any, batch: Any, gradients: list[Tensor], colours: Colours
) -> None:
    """Write the events of `step`. The batch holds uint8 images [B, S, S, 3] and labels [B, S, S].

    colours: RGB, uint8 [classes + 1, 3], indexed by annotation value.
    """
    images, labels = (trainer.strategy.experimental_local_results(value)[0][:PICTURES] for value in batch)
    shown = [layer for layer in trainer.model.layers if layer.name in trainer.layers]
    inside = keras.Model(trainer.model.input, [*(layer.output for layer in shown), trainer.model.output])
    *activations, logits = inside(images, training=False)
    variables = trainer.model.trainable_variables
    with writer.as_default(step=step):
        # With a frozen backbone there are gradients of the head alone, whose variables are the last.
        for variable, gradient in zip(variables[len(variables) - len(gradients) :], gradients, strict=True):
            tf.summary.histogram(f"gradients/{variable.path}", gradient)
        for variable in variables:
            tf.summary.histogram(f"weights/{variable.path}", variable.value)
        for layer, activation in zip(shown, activations, strict=True):
            tf.summary.histogram(f"activations/{layer.name}", activation)
        tf.summary.image("image", images, max_outputs=PICTURES)
        best = tf.argmax(logits, axis=-1, output_type=tf.int32)
        predicted = outputs_to_annotation(best, trainer.classes, trainer.outputs)
        for name, values in (("truth", to_annotation(labels)), ("prediction", predicted)):
            coloured = tf.gather(tf.constant(colours), tf.cast(values, tf.int32))
            tf.summary.image(name, coloured, max_outputs=PICTURES)
    writer.flush()
