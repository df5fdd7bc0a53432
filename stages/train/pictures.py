"""Pictures of validation scenes during a training: image, truth and prediction, side by side.

Input: the records, and a trainer at the end of an epoch. Output: pictures in the class colours. Invariant: scenes
and epochs are functions of the records and the params; the training does not change.
"""

from pathlib import Path
from typing import Any

import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.dataset.labels import outputs_to_annotation, to_annotation
from sceneparse.records.batches import stored_batches
from sceneparse.records.manifest import Manifest
from sceneparse.scores.palette import Colours, class_palette

SCENES = 4  # most, evenly spread over the validation split
TIMES = 10  # most in a training: as many pictures of a scene as TensorBoard keeps
SIDE = 256  # most pixels of a picture's side; larger ones are thinned out


class Pictures:
    """Fixed validation scenes, and the epochs after which a training shows them."""

    def __init__(self, records: Path, manifest: Manifest, epochs: int) -> None:
        self.colours = class_palette(manifest.classes, manifest.colours)  # RGB, uint8 [classes + 1, 3]
        # One at a time: with many classes the scores of a large picture fill gigabytes.
        self._scenes = list(stored_batches(records, manifest, 1, SCENES, split="validation"))
        self._epochs = epochs

    def due(self, epoch: int) -> bool:
        """Return whether to show the scenes after this epoch, 1..epochs; always after the last."""
        return epoch % -(-self._epochs // TIMES) == 0 or epoch == self._epochs

    def draw(self, trainer: Any) -> Tensor:
        """Return uint8 [scenes, S, 3 S, 3]."""
        shown = [side_by_side(trainer, images, labels, self.colours) for images, labels in self._scenes]
        return tf.concat(shown, axis=0)


def side_by_side(trainer: Any, images: Tensor, labels: Tensor, colours: Colours) -> Tensor:
    """Return images, coloured truth and coloured prediction as uint8 [B, S, 3 S, 3], S at most SIDE.

    images: uint8 [B, S, S, 3]; labels: uint8 [B, S, S].
    """
    logits = trainer.model(images, training=False)  # [B, S, S, outputs]
    best = tf.argmax(logits, axis=-1, output_type=tf.int32)
    values = (to_annotation(labels), outputs_to_annotation(best, trainer.classes, trainer.outputs))
    truth, prediction = (tf.gather(tf.constant(colours), tf.cast(value, tf.int32)) for value in values)
    step = -(-images.shape[1] // SIDE)
    return tf.concat([images, truth, prediction], axis=2)[:, ::step, ::step]
