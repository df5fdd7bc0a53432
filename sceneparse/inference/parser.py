"""A trained model put to use: a picture of any size in, an annotation of that size out.

A model is opened only if its file is whole and its card describes it. The card also says what the
outputs mean and how pictures were fitted for training.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from sceneparse.core.errors import InputError
from sceneparse.dataset.images import Pixels, fit, resize_image
from sceneparse.dataset.labels import IGNORE, to_annotation
from sceneparse.network.card import Card
from sceneparse.network.padding import segment

log = logging.getLogger(__name__)

CHUNK = 16  # classes upsampled at once
BAND = 1 << 23  # pixels labelled at once: with a chunk's scores in float32, half a gigabyte


class Views(NamedTuple):
    """How often a picture is looked at (test-time augmentation): at these scales, and mirrored too or not."""

    scales: tuple[float, ...]
    flip: bool


ONE_VIEW = Views((1.0,), flip=False)


@dataclass(frozen=True)
class SceneParser:
    """A model with its card: classes, colours and training geometry."""

    model: Any
    card: Card

    @classmethod
    def open(cls, model: Path, checked: Card) -> Self:
        """Read a model whose card `check_model` has returned. Raises InputError."""
        saved = checked.libraries.keras
        if _minor(keras.__version__) < _minor(saved):
            log.warning("%s was saved by Keras %s; this is an older one, %s", model, saved, keras.__version__)
        try:
            network = keras.saving.load_model(model, compile=False, safe_mode=True)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise InputError(
                "Keras cannot load the model",
                expected=f"a model in the format of Keras {keras.__version__} or an earlier one",
                got=f"one saved by Keras {saved}: {error}",
                file=model,
                next_step="install the versions in constraints.txt: pip install -c constraints.txt -e .",
            ) from None
        return cls(Compiled(network), checked)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes 1..N."""
        return self.card.classes

    @property
    def colours(self) -> Pixels:
        """RGB colours, uint8 [N + 1, 3], indexed by annotation value."""
        return self.card.colours()

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """Width and height at which the network sees a width x height picture: fitted as for training, uncropped."""
        given = self.card.preprocessing
        where = fit(width, height, given.size, given.mode)
        return where.width, where.height

    def annotate(self, image: Pixels, views: Views = ONE_VIEW) -> Pixels:
        """Annotation values 0..N, uint8 [H, W], of an RGB picture, uint8 [H, W, 3], any size.

        The picture is resized as for training, but never cropped or padded with anything that
        stays; logits go back to the picture's size by bilinear interpolation before the argmax.
        0 is among the values only where the card says that 'other' is a class of its own.
        """
        return self.annotate_batch([image], views)[0]

    def annotate_batch(self, images: Sequence[Pixels], views: Views = ONE_VIEW, other: bool = True) -> list[Pixels]:
        """The annotation of each picture, from one batch: their `fitted` sizes are the same, their own may differ.

        Without `other` each pixel gets one of the classes 1..N, also where the network has a channel for 'other'.
        """
        sizes = [image.shape[:2] for image in images]
        (fitted,) = {self.fitted(width, height) for height, width in sizes}
        pictures = [Image.fromarray(image) for image in images]

        def seen(scale: float) -> Any:
            width, height = (max(1, round(side * scale)) for side in fitted)
            how = self.card.preprocessing.interpolation
            return np.stack([np.asarray(resize_image(picture, width, height, how)) for picture in pictures])

        found = combined(self.model, seen, fitted[::-1], views)  # [B, h, w, N]
        if not other:
            found = found[..., : len(self.classes)]
        return [to_annotation(self.labels(found[at : at + 1], size)[0]) for at, size in enumerate(sizes)]

    def label_batch(self, images: Any, views: Views = ONE_VIEW) -> Pixels:
        """Labels 0..N-1 (and 255, where 'other' is a class), uint8 [B, H, W], of RGB pictures, uint8 [B, H, W, 3]."""
        height, width = images.shape[1:3]

        def seen(scale: float) -> Any:
            size = [max(1, round(side * scale)) for side in (height, width)]
            resized = images if scale == 1 else tf.image.resize(images, size, antialias=True)
            return tf.cast(tf.round(resized), tf.uint8)

        return self.labels(combined(self.model, seen, (height, width), views), (height, width))

    def labels(self, scores: Any, size: tuple[int, int]) -> Pixels:
        """Labels 0..N-1 (and 255, where 'other' is a class), uint8 [B, *size], of scores float32 [B, h, w, N].

        The scores, logits or probabilities, are resized bilinearly before the argmax.
        """
        height, width = size
        rows = max(1, BAND // width)
        if rows >= height:
            labels: Pixels = upsampled_argmax(scores, tf.constant(size), scores.shape[-1]).numpy()
        else:
            bands = (tf.constant((top, min(top + rows, height))) for top in range(0, height, rows))
            found = [upsampled_argmax(scores, tf.constant(size), scores.shape[-1], band).numpy() for band in bands]
            labels = np.concatenate(found, axis=1)
        labels[labels == len(self.classes)] = IGNORE  # the channel after the classes, if there is one, is 'other'
        return labels


class Compiled:
    """A network, compiled once per batch of one size, of which there are few: sides are padded to multiples of 32."""

    def __init__(self, network: Any) -> None:
        self.network, self._function = network, tf.function(network)

    def __call__(self, images: Any, training: bool) -> Any:
        """Of uint8 [B, H, W, 3]."""
        # A tf.function that is called itself warns of its many traces, which are wanted here.
        spec = tf.TensorSpec(images.shape, images.dtype)
        return self._function.get_concrete_function(spec, training=training)(images)


def combined(model: Any, seen: Callable[[float], Any], size: tuple[int, int], views: Views) -> Any:
    """What the model makes of some views of the same pictures, `seen` at each scale as uint8 [B, h, w, 3].

    One view: its logits. Several: the mean of their probabilities, each resized to `size`. Float32 [B, H, W, N].
    """
    if views == ONE_VIEW:
        return segment(model, seen(1.0))
    total: Any = 0.0
    for scale in views.scales:
        pictures = seen(scale)
        for mirrored in (False, True) if views.flip else (False,):
            logits = segment(model, pictures[:, :, ::-1] if mirrored else pictures)
            probabilities = tf.image.resize(tf.nn.softmax(logits), size)
            total += probabilities[:, :, ::-1] if mirrored else probabilities
    return total / (len(views.scales) * (1 + views.flip))


# Sizes are tensors here, so there is one trace for pictures of all sizes.
@tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
def upsampled_argmax(logits: Any, size: Any, channels: int, band: Any = None) -> Any:
    """uint8 labels [B, H, W] of logits [B, h, w, channels] resized bilinearly to `size` = [H, W].

    A running maximum over groups of classes, one group after the other: the full-size logits of
    a large picture and 150 classes would take gigabytes. `band` = [top, bottom]: of these rows alone.
    """
    best, labels = None, None
    for start in range(0, channels, CHUNK):
        # TensorFlow would work on several groups at a time, and hold them all.
        with tf.control_dependencies([] if best is None else [best, labels]):
            some = logits[..., start : start + CHUNK]
            group = tf.image.resize(some, size) if band is None else _resized_band(some, size, band)
        highest = tf.reduce_max(group, axis=-1)
        index = tf.cast(tf.argmax(group, axis=-1) + start, tf.uint8)
        if best is None:
            best, labels = highest, index
        else:
            # Strictly greater: ties go to the first class, as in a single argmax.
            labels = tf.where(highest > best, index, labels)
            best = tf.maximum(highest, best)
    return labels


def _resized_band(scores: Any, size: Any, band: Any) -> Any:
    """Rows band[0] up to band[1] of what tf.image.resize makes of the scores, but for rounding in the last bit."""
    scale = tf.cast(size, tf.float32) / tf.cast(tf.shape(scores)[1:3], tf.float32)
    return tf.raw_ops.ScaleAndTranslate(
        images=scores,
        size=tf.stack([band[1] - band[0], size[1]]),
        scale=scale,
        translation=tf.stack([-tf.cast(band[0], tf.float32), 0.0]),
        kernel_type="triangle",
        antialias=False,
    )


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")[:2])
