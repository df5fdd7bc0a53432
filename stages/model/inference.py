"""A trained model put to use: a picture of any size in, an annotation of that size out.

The model file is opened only if its digest is the one in its card (`fcn8s.json`), which also says
what the model's outputs mean and how pictures were fitted for training.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from stages.data.images import Pixels, fit, resize_image
from stages.data.labels import to_annotation
from stages.errors import InputError
from stages.files import check_digest
from stages.model.fcn8s import segment

CHUNK = 16  # classes upsampled at once


@dataclass(frozen=True)
class SceneParser:
    """A model with its classes and its training geometry."""

    model: Any
    classes: tuple[str, ...]
    size: int
    mode: str

    @classmethod
    def load(cls, model: Path, card: Path) -> Self:
        """Read a card and the model it describes. Raises InputError when they do not belong together."""
        try:
            content = json.loads(card.read_text())
            classes, size, mode = tuple(content["classes"]), content["input"]["size"], content["input"]["mode"]
            digest = content["model_digest"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                "the model has no valid card",
                expected="the JSON file that the train stage writes beside the model",
                got=repr(error),
                file=card,
                next_step="run the train stage again, or pull both files: dvc repro train, or dvc pull",
            ) from None
        check_digest(model, digest)
        network = keras.saving.load_model(model, compile=False)
        # Compiled once per padded size, of which there are few: sides are multiples of 32.
        return cls(tf.function(network), classes, size, mode)

    def annotate(self, image: Pixels) -> Pixels:
        """Annotation values 1..N, uint8 [H, W], of an RGB picture, uint8 [H, W, 3], any size.

        The picture is resized as for training, but never cropped or padded with anything that
        stays; logits go back to the picture's size by bilinear interpolation before the argmax.
        """
        height, width = image.shape[:2]
        where = fit(width, height, self.size, self.mode)
        resized = np.asarray(resize_image(Image.fromarray(image), where.width, where.height))
        labels: Pixels = upsampled_argmax(
            segment(self.model, resized[np.newaxis]), tf.constant([height, width])
        ).numpy()[0]
        return to_annotation(labels)  # type: ignore[no-any-return]

    def label_batch(self, images: Any) -> Pixels:
        """Labels 0..N-1, uint8 [B, H, W], of RGB pictures, uint8 [B, H, W, 3], at their own size."""
        labels: Pixels = upsampled_argmax(segment(self.model, images), tf.shape(images)[1:3]).numpy()
        return labels


# Sizes are tensors here, so there is one trace for pictures of all sizes.
@tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
def upsampled_argmax(logits: Any, size: Any) -> Any:
    """uint8 labels [B, H, W] of logits [B, h, w, N] resized bilinearly to `size` = [H, W].

    A running maximum over groups of classes: the full-size logits of a large picture and 150
    classes would take gigabytes.
    """
    best, labels = None, None
    classes = logits.shape[-1]
    for start in range(0, classes, CHUNK):
        group = tf.image.resize(logits[..., start : start + CHUNK], size)
        highest = tf.reduce_max(group, axis=-1)
        index = tf.cast(tf.argmax(group, axis=-1) + start, tf.uint8)
        if best is None:
            best, labels = highest, index
        else:
            # Strictly greater: ties go to the first class, as in a single argmax.
            labels = tf.where(highest > best, index, labels)
            best = tf.maximum(highest, best)
    return labels
