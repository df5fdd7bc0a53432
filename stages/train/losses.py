"""Training loss: softmax cross-entropy over the pixels that have a label.

The functions return sums, so that the caller can take the mean over all labelled pixels of the global
batch, on any number of devices. Stock Keras operations only.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from keras import ops

from sceneparse.core.types import Tensor

Losses: TypeAlias = Callable[[Tensor, Tensor, Sequence[float]], tuple[Tensor, Tensor]]


def pixel_cross_entropy(
    labels: Tensor, logits: Tensor, class_weights: Sequence[float], compute: Losses | None = None
) -> tuple[Tensor, Tensor]:
    """Return the weighted sum of the pixels' losses, and the sum of their weights: two float32 scalars.

    labels are uint8 [B, H, W], 0..N-1 or 255; logits are float32 [B, H, W, N]. Ignored pixels have weight 0. `compute`
    is weighted_losses, or the same compiled; the sums stay out of it, because XLA's lose digits on a CPU.
    """
    losses, weights = (compute or weighted_losses)(labels, logits, class_weights)
    return ops.sum(losses), ops.sum(weights)


def weighted_losses(labels: Tensor, logits: Tensor, class_weights: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Return each pixel's loss times its weight, and its weight: float32 [B, H, W] both."""
    classes = len(class_weights)
    index = ops.minimum(ops.cast(labels, "int32"), classes)  # 255 -> N, beyond the classes: weight 0
    weights = ops.take(ops.convert_to_tensor([*class_weights, 0.0], "float32"), index)
    losses = ops.sparse_categorical_crossentropy(ops.minimum(index, classes - 1), logits, from_logits=True)
    return weights * losses, weights


def logit_adjustment(class_weights: Sequence[float], share: float) -> npt.NDArray[np.float32]:
    """Return what to add to the logits in the loss, float32 [N], to undo a `share` (0..1) of the class weighting.

    It is so many times the logarithms of the weights (Menon et al. 2021, equation 10, weights for priors).
    """
    return (share * np.log(class_weights)).astype(np.float32)


def median_frequency_weights(label_pixels: Sequence[int], exponent: float) -> list[float]:
    """Return class weights (median frequency / frequency) ** exponent, after Eigen and Fergus 2015, section 5.

    `label_pixels` counts pixels of each output's class, and a frequency is that count of all pixels. Eigen and Fergus
    divide by the pixels of the images that show the class, so they weight a class of few images less than an exponent
    of 1 does here. A class without pixels gets weight 1.
    """
    counts = np.asarray(label_pixels, np.float64)
    present = counts > 0
    median = np.median(counts[present]) if present.any() else 1.0
    return [float((median / count) ** exponent) if count else 1.0 for count in counts]
