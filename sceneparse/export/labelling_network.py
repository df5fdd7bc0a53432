"""The network to export: it takes pictures of any size, and returns each pixel's class.

Input: the network of a .keras file. Output: a keras.Model, uint8 RGB [B, H, W, 3] -> `annotation`, uint8 [B, H, W],
as `sceneparse predict` writes it, and `logits`, float32 [B, H, W, N], for probabilities. Invariant: it contains
network/padding.py, and so returns the same values, at sizes unknown before the call.
"""

from typing import Any

import keras
import tensorflow as tf

from sceneparse.core.types import Tensor
from sceneparse.dataset.labels import outputs_to_annotation
from sceneparse.network.padding import compute_logits

Size = tuple[int | None, int | None]  # height and width, None = any


class Interpolation(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Bilinear UpSampling2D for any size: Keras's own must know the size when TensorFlow traces it."""

    def __init__(self, factor: int, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, x: Tensor) -> Tensor:
        """Return [B, factor x H, factor x W, C] for [B, H, W, C]."""
        return tf.image.resize(x, tf.shape(x)[1:3] * self.factor)


class Parse(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Run the network on pictures of any size, and take the best class of each pixel."""

    def __init__(self, network: Any, classes: int) -> None:
        super().__init__(name="parse")
        self.network, self.classes = network, classes

    def call(self, images: Tensor) -> dict[str, Tensor]:
        """Return `annotation` and `logits` for uint8 [B, H, W, 3]."""
        logits = compute_logits(self.network, images)
        best = tf.argmax(logits, axis=-1, output_type=tf.int32)
        annotation = outputs_to_annotation(best, self.classes, logits.shape[-1])
        return {"annotation": tf.cast(annotation, tf.uint8), "logits": logits}


def exportable(network: Any, classes: int, size: Size, batch: int | None) -> Any:
    """Return a keras.Model of `network` for pictures of `size`, `batch` at a time (None = any number)."""
    image = keras.Input((*size, 3), batch_size=batch, dtype="uint8", name="image")
    anywhere = keras.models.clone_model(network, clone_function=_of_any_size)
    anywhere.set_weights(network.get_weights())
    return keras.Model(image, Parse(anywhere, classes)(image), name=network.name)


def in_float32(network: Any) -> Any:
    """Return the network without mixed precision, which is for training; itself if it has none."""
    if all(layer.compute_dtype == "float32" for layer in network.layers if layer.weights):
        return network
    plain = keras.models.clone_model(network, clone_function=_copy)
    plain.set_weights(network.get_weights())
    return plain


def _copy(layer: Any, **changes: Any) -> Any:
    return layer.__class__.from_config(layer.get_config() | {"dtype": "float32"} | changes)


def _of_any_size(layer: Any) -> Any:
    if isinstance(layer, keras.layers.UpSampling2D):
        return Interpolation(layer.size[0], dtype="float32", name=layer.name)
    return _copy(layer)
