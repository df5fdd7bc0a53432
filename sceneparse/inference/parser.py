"""A trained model put to use: a picture of any size in, an annotation of that size out.

A model is opened only if its file is whole and its card describes it. The card also says what the
outputs mean and how pictures were fitted for training.

Words: logits are the network's; scores are logits of one view, or mean probabilities of several; an annotation holds
the values 0..N, of which 0 = 'other' occurs only where the network has an output for it; the confidence is the
probability of an annotation's values, in percent.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any, Self

import numpy as np
import tensorflow as tf
from PIL import Image

from sceneparse.core.parallel import THREADS
from sceneparse.core.types import Tensor
from sceneparse.dataset.images import Pixels, resize_image
from sceneparse.dataset.labels import outputs_to_annotation, without_other
from sceneparse.inference.best_outputs import OutputScores, best_outputs
from sceneparse.inference.views import ONE_VIEW, Described, Labels, Views
from sceneparse.network.card import Card, Checked
from sceneparse.network.coarse import cut_upsampling
from sceneparse.network.opening import open_network
from sceneparse.network.padding import Network, pad


@dataclass(frozen=True)
class SceneParser(Described):
    """A model with its card (classes, colours and training geometry), and the seal of its file."""

    model: "Compiled"
    card: Card
    seal: str

    @classmethod
    def open(cls, model: Path, checked: Checked) -> Self:
        """Read a model that `check_model` has read. Raises InputError."""
        return cls(Compiled(open_network(model, checked)), *checked)

    @property
    def whole(self) -> Self:
        """This parser: it can do all that there is, unlike one of an exported model."""
        return self

    def annotate(self, image: Pixels, views: Views = ONE_VIEW) -> Pixels:
        """Return the annotation, uint8 [H, W], of an RGB picture, uint8 [H, W, 3], any size.

        The picture is resized as for training, but never cropped, and padding is cut off again; the
        scores go back to the picture's size by bilinear interpolation before the argmax. Raises TooLargeError as
        `fitted` does.
        """
        return self.annotate_batch([image], views)[0].annotation

    def annotate_with_confidence(self, image: Pixels, views: Views = ONE_VIEW) -> Labels:
        """Return the annotation of an RGB picture, and for each pixel the probability of its value.

        It is the softmax's, the mean of all views: high where the network is sure, which it can be and be wrong.
        """
        return self.annotate_batch([image], views, confidence=True)[0]

    def annotate_batch(
        self, images: Sequence[Pixels], views: Views = ONE_VIEW, other: bool = True, confidence: bool = False
    ) -> list[Labels]:
        """Annotate pictures in one batch: their `fitted` sizes are equal, their own may differ.

        Without `other` each pixel gets one of the classes 1..N, also where the network has an output for 'other'.
        Raises TooLargeError as `fitted` does.
        """
        sizes = [image.shape[:2] for image in images]
        (fitted,) = {self.fitted(width, height, views) for height, width in sizes}
        at_scale = partial(_resized, images, fitted, self.card.preprocessing.interpolation)
        scores = score_views(self.model, at_scale, fitted[::-1], views)
        values = scores.values if other else without_other(scores.values, len(self.classes))
        return self._decide_all(scores._replace(values=values), sizes, confidence)

    def annotate_fitted(self, images: Tensor, views: Views = ONE_VIEW) -> Pixels:
        """Return annotations, uint8 [B, H, W], of pictures that have the training's size: RGB, uint8 [B, H, W, 3]."""
        height, width = images.shape[1:3]

        def smoothed(scale: float) -> Tensor:
            size = [max(1, round(side * scale)) for side in (height, width)]
            resized = images if scale == 1 else tf.image.resize(images, size, antialias=True)
            return tf.cast(tf.round(resized), tf.uint8)

        nearest = self.card.preprocessing.interpolation == "nearest"
        at_scale = partial(_resized, np.asarray(images), (width, height), "nearest") if nearest else smoothed
        scores = score_views(self.model, at_scale, (height, width), views)
        return np.stack([labels.annotation for labels in self._decide_all(scores, [(height, width)] * len(images))])

    def decide(self, scores: OutputScores, size: tuple[int, int], confidence: bool = False) -> Labels:
        """Return one picture's labels of the height and width `size`: scores are resized bilinearly, then argmax."""
        best = best_outputs(scores, size, confidence)
        annotation = outputs_to_annotation(best.outputs[0], len(self.classes), scores.values.shape[-1])
        return Labels(annotation, None if best.percent is None else best.percent[0])

    def _decide_all(
        self, scores: OutputScores, sizes: Sequence[tuple[int, int]], confidence: bool = False
    ) -> list[Labels]:
        """Return the labels of each picture, decided in threads: TensorFlow resizes one picture on one core."""
        if len(sizes) == 1:
            return [self.decide(scores, sizes[0], confidence)]
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(self.decide, scores.singles(), sizes, repeat(confidence)))


class Compiled:
    """A network, compiled once per batch of one size, of which there are few: sides are padded to multiples of 32."""

    def __init__(self, network: Network) -> None:
        self.network = network
        coarse, self._factor = cut_upsampling(network)
        self._logits, self._coarse = _compiled(network), _compiled(coarse)

    def __call__(self, images: Tensor, training: bool) -> Tensor:
        """Return logits for uint8 images [B, H, W, 3]."""
        return _run(self._logits, images)

    def scores(self, images: Tensor) -> OutputScores:
        """Return the logits of uint8 images [B, H, W, 3] of any size, before the network's last upsampling."""
        return OutputScores(_run(self._coarse, pad(images)), self._factor, images.shape[1:3], "logits")


def score_views(
    model: Compiled, at_scale: Callable[[float], Tensor], size: tuple[int, int], views: Views = ONE_VIEW
) -> OutputScores:
    """Return the scores of pictures that `at_scale` resizes: uint8 [B, h, w, 3].

    One view: its logits. Several: the mean of their probabilities, each resized to `size`.
    """
    if views == ONE_VIEW:
        return model.scores(at_scale(1.0))
    total: Tensor = 0.0
    for scale in views.scales:
        pictures = at_scale(scale)
        for mirrored in (False, True) if views.flip else (False,):
            logits = model.scores(pictures[:, :, ::-1] if mirrored else pictures).upsampled()
            probabilities = tf.image.resize(tf.nn.softmax(logits), size)
            total += probabilities[:, :, ::-1] if mirrored else probabilities
    return OutputScores(total / (len(views.scales) * (1 + views.flip)), 1, size, "probabilities")


def _resized(images: Iterable[Pixels], fitted: tuple[int, int], interpolation: str, scale: float) -> Tensor:
    """Return RGB pictures, uint8 [H, W, 3] each, at `scale` times a width and height: uint8 [B, h, w, 3]."""
    width, height = (max(1, round(side * scale)) for side in fitted)
    pictures = (resize_image(Image.fromarray(image), width, height, interpolation) for image in images)
    return np.stack([np.asarray(picture) for picture in pictures])


def _compiled(network: Network) -> Any:
    return tf.function(lambda images: network(images, training=False), autograph=False)


def _run(function: Any, images: Tensor) -> Any:
    """Run the trace for images of this shape; called directly, a tf.function warns of many traces, wanted here."""
    images = tf.convert_to_tensor(images)
    return function.get_concrete_function(tf.TensorSpec(images.shape, images.dtype))(images)
