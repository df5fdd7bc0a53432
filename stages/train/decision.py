"""Constants on a trained network's logits that make its decisions suit the mean IoU, not the likelihood.

The likeliest class is the right choice for pixel accuracy, but not for IoU: a class that is never certain gains by
being chosen at a lower probability, and others lose (Nowozin 2014, "Optimal decisions from probabilistic models: the
intersection-over-union case"). One constant per class is fitted on training pictures as they are stored, not on the
validation split, and becomes the last layer of the saved model.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.dataset.labels import IGNORE
from sceneparse.records.batches import stored_batches
from sceneparse.records.manifest import Manifest

log = logging.getLogger(__name__)

PICTURES = 512  # most pictures, spread over the training split
PIXELS = 1024  # from each picture
LAYER = "decision"
STEP, STEPS = 0.1, 30  # constants lie between -3 and 3
SWEEPS = 10  # most passes over the classes; CamVid takes four or five

Floats = npt.NDArray[np.float32]


def suited_to_iou(model: Any, records: Path, manifest: Manifest) -> Any:
    """Return a copy of the network whose last layer adds the constants that suit its training pictures."""
    copy = keras.models.clone_model(model)  # on one device, whatever the model was trained on
    copy.set_weights(model.get_weights())
    # One at a time: with many classes the logits of a large picture fill gigabytes.
    constants, before, after = best_constants(*sample(copy, stored_batches(records, manifest, 1, PICTURES)))
    log.info("deciding for the mean IoU: %.4f -> %.4f on pixels of training pictures", before, after)
    return with_constants(copy, constants)


def sample(model: Any, batches: Iterable[Any]) -> tuple[Floats, npt.NDArray[np.uint8]]:
    """Return float32 logits [P, N] and uint8 labels [P], none ignored, of pixels drawn from batches."""

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def drawn(images: Tensor, labels: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        logits = model(images, training=False)
        flat = tf.reshape(logits, [tf.shape(logits)[0], -1, logits.shape[-1]])
        chosen = tf.gather(flat, places, batch_dims=1)
        return chosen, tf.gather(tf.reshape(labels, tf.shape(flat)[:2]), places, batch_dims=1)

    rng = np.random.default_rng(0)
    logits, labels = [], []
    for images, truth in batches:
        places = rng.integers(0, truth.shape[1] * truth.shape[2], (truth.shape[0], PIXELS))
        scores, classes = (part.numpy() for part in drawn(images, truth, places))
        known = classes != IGNORE
        logits.append(scores[known])
        labels.append(classes[known])
    return np.concatenate(logits), np.concatenate(labels)


def best_constants(logits: Floats, labels: npt.NDArray[np.uint8]) -> tuple[Floats, float, float]:
    """Return constants [N] that maximize the mean IoU of these pixels, and that mean IoU without and with them.

    logits: float32 [P, N]; labels: uint8 [P], 0..N-1. Coordinate ascent: each class in turn takes the best constant of
    a grid, the others' held, until a sweep changes nothing. An output without labelled pixels keeps 0; without any
    pixel, all do.
    """
    count = logits.shape[1]
    if not labels.size:
        return np.zeros(count, np.float32), 0.0, 0.0
    labelled = np.bincount(labels, minlength=count)
    constants, grid = np.zeros(count, np.float32), np.arange(-STEPS, STEPS + 1, dtype=np.float32) * np.float32(STEP)
    scores = logits.copy()  # logits plus constants
    before = mean = float(_ious_by_constant(scores, labels, labelled, 0, grid)[STEPS])
    for _ in range(SWEEPS):
        start = mean
        for index in np.flatnonzero(labelled).tolist():
            ious = _ious_by_constant(scores, labels, labelled, index, grid - constants[index])
            best = int(ious.argmax())
            if ious[best] > mean:
                mean, constants[index] = float(ious[best]), grid[best]
                scores[:, index] = logits[:, index] + grid[best]
        if mean == start:
            break
    return constants, before, mean


def _ious_by_constant(scores: Floats, labels: Any, labelled: Any, index: int, grid: Floats) -> Any:
    """Return the mean IoU over the labelled classes for each constant of the ascending `grid` on output `index`."""
    count = scores.shape[1]
    own = scores[:, index].copy()
    scores[:, index] = -np.inf
    rival = scores.argmax(axis=1)  # the pixel's class where it is not `index`
    margin = scores[np.arange(len(rival)), rival] - own  # constants up to it leave the pixel to its rival
    scores[:, index] = own
    # Ties go to the first output.
    left = np.where(rival < index, np.searchsorted(grid, margin, "right"), np.searchsorted(grid, margin, "left"))
    cells = len(grid) + 1

    def taken(pixels: Any) -> Any:
        """Count the `pixels` that each constant takes from each class: [constants, N]."""
        codes = left[pixels] * count + rival[pixels]
        return np.bincount(codes, minlength=cells * count).reshape(cells, count).cumsum(axis=0)[:-1]

    right = rival == labels
    lost = taken(slice(None))
    predicted = np.bincount(rival, minlength=count) - lost
    predicted[:, index] = lost.sum(axis=1)
    hits = np.bincount(rival[right], minlength=count) - taken(right)
    hits[:, index] = taken(labels == index).sum(axis=1)
    present = labelled > 0
    return (hits / np.maximum(1, labelled + predicted - hits))[:, present].mean(axis=1)


def with_constants(model: Any, constants: Floats) -> Any:
    """Return the network with one more stock Keras layer, which adds the constants to its logits."""
    offset = [float(value) for value in constants]
    logits = keras.layers.Rescaling(1.0, offset, dtype="float32", name=LAYER)(model.output)
    return keras.Model(model.input, logits, name=model.name)
