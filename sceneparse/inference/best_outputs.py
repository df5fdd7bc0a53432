"""The best output of each pixel of a picture and its probability, from a network's coarse scores.

Only outputs that can win somewhere in the picture are resized, usually a tenth of 150, and the result is the one that
all of them would give. Memory is bounded.
"""

import math
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.dataset.images import Pixels
from sceneparse.network.coarse import candidates, upsample

CHUNK = 160  # outputs resized at a time: ADE20K's together
SOFTMAX_CHUNK = 64  # outputs at a time for a softmax, which holds more tensors of their size
BAND = 1 << 26  # scores resized at a time, in each thread: 268 MB of float32
SLAB = 1 << 22  # scores looked at together to find the candidates

Kind: TypeAlias = Literal["logits", "probabilities"]
Indices: TypeAlias = npt.NDArray[np.int32]


class OutputScores(NamedTuple):
    """Scores of pictures: `values`, float32 [B, h, w, N], upsampled by `factor` and cropped to `shown` = [H, W]."""

    values: Tensor
    factor: int
    shown: tuple[int, int]
    kind: Kind

    def singles(self) -> "list[OutputScores]":
        """Return the scores of each picture, [1, h, w, N]: together they have more candidates, and need more memory."""
        return [self._replace(values=self.values[index : index + 1]) for index in range(self.values.shape[0])]

    def upsampled(self) -> Tensor:
        """Return the scores of all pixels, float32 [B, H, W, N]."""
        return upsample(self.values, self.factor)[:, : self.shown[0], : self.shown[1]]


class Best(NamedTuple):
    """The best output of each pixel, and its probability in percent, 0..100, if asked for: uint8 [B, H, W]."""

    outputs: Pixels
    percent: Pixels | None = None


def best_outputs(scores: OutputScores, size: tuple[int, int], confidence: bool = False) -> Best:
    """Return the best output of each pixel of scores that are upsampled, then resized bilinearly to `size` = [H, W].

    Of equal ones it is the first, as in NumPy's argmax. With `confidence`: its probability, too.
    """
    height, width = size
    softmax = confidence and scores.kind == "logits"  # which sums over all outputs
    ids = np.arange(scores.values.shape[-1], dtype=np.int32) if softmax else _all_candidates(scores)
    length = SOFTMAX_CHUNK if softmax else CHUNK
    rows = max(1, BAND // (width * min(length, len(ids)) * (1 + softmax)))

    def decide(band: Tensor = None) -> Any:
        shown, whole, chunks = tf.constant(scores.shown), tf.constant(size), math.ceil(len(ids) / length)
        measure = scores.kind if confidence else None
        best, *probability = _resized_argmax(
            scores.values, ids, scores.factor, chunks, length, shown, whole, measure, band
        )
        return best, *(tf.cast(tf.round(100 * each), tf.uint8) for each in probability)

    if rows >= height:
        parts = [decide()]
    else:
        parts = [decide(tf.constant((top, min(top + rows, height)))) for top in range(0, height, rows)]
    return Best(*(np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True)))


def _all_candidates(scores: OutputScores) -> Indices:
    """Return the candidates, of some rows of the scores at a time."""
    values, span = scores.values, 2 if scores.factor == 1 else 3
    height = values.shape[1]
    rows = max(1, SLAB // (math.prod(values.shape) // height))
    slabs = (values[:, top : top + rows + span - 1] for top in range(0, height, rows))
    return np.unique(np.concatenate([candidates(slab, span).numpy() for slab in slabs]))


# Sizes are tensors where they can be, so there is one trace for pictures of all sizes.
@tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]  # TensorFlow has no types
def _resized_argmax(
    values: Tensor,
    ids: Tensor,
    factor: int,
    chunks: int,
    length: int,
    shown: Tensor,
    size: Tensor,
    measure: Kind | None,
    band: Tensor = None,
) -> tuple[Tensor, ...]:
    """Return which of the outputs `ids` is the best of each pixel, uint8 [B, H, W], for `size` = [H, W].

    `measure` says what the scores are, and asks for a second value, the probability. Keeps a running maximum over
    `chunks` of `length` outputs, one at a time: the full-size scores of a large picture and 150 classes would take
    gigabytes. `band` = [top, bottom] asks for these rows alone.
    """
    highest: Tensor = None
    best: Tensor = None
    total: Tensor = None  # the softmax's sum, of exp(logit - highest)
    for start in range(0, chunks * length, length):
        # TensorFlow would work on several chunks at a time, and hold them all.
        with tf.control_dependencies([tensor for tensor in (highest, best, total) if tensor is not None]):
            part = ids[start : start + length]
            coarse = tf.gather(values, part, axis=-1)
            full = upsample(coarse, factor)[:, : shown[0], : shown[1]]
            chunk = tf.image.resize(full, size) if band is None else _resized_band(full, size, band)
        index = tf.cast(tf.gather(part, tf.argmax(chunk, axis=-1)), tf.uint8)
        if chunks == 1 and measure is None:
            return (index,)
        top, before = tf.reduce_max(chunk, axis=-1), highest
        if before is None:
            highest, best = top, index
        else:
            # Strictly greater: ties go to the first output, as in a single argmax.
            best = tf.where(top > before, index, best)
            highest = tf.maximum(top, before)
        if measure == "logits":
            added = tf.reduce_sum(tf.exp(chunk - highest[..., tf.newaxis]), axis=-1)
            total = added if before is None else total * tf.exp(before - highest) + added
    if measure is None:
        return (best,)
    return best, 1 / total if measure == "logits" else highest


def _resized_band(scores: Tensor, size: Tensor, band: Tensor) -> Tensor:
    """Return rows band[0] to band[1] - 1 of tf.image.resize(scores, size), but for rounding in the last bit."""
    scale = tf.cast(size, tf.float32) / tf.cast(tf.shape(scores)[1:3], tf.float32)
    return tf.raw_ops.ScaleAndTranslate(
        images=scores,
        size=tf.stack([band[1] - band[0], size[1]]),
        scale=scale,
        translation=tf.stack([-tf.cast(band[0], tf.float32), 0.0]),
        kernel_type="triangle",
        antialias=False,
    )
