"""What is exported: a trained network that takes pictures as they are and says which class each pixel is.

Input: the network of a .keras file. Output: a keras.Model, uint8 RGB [B, H, W, 3] -> `annotation`, uint8 [B, H, W],
what `sceneparse predict` writes, and `logits`, float32 [B, H, W, N], for whoever wants probabilities. Invariant: its
answers are those of sceneparse/network/padding.py, which is inside, at sizes that need not be known beforehand.
"""

from typing import Any

import keras
import tensorflow as tf

from sceneparse.dataset.labels import outputs_to_annotation
from sceneparse.network.padding import compute_logits

Size = tuple[int | None, int | None]  # height and width, None = any


class Interpolation(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """UpSampling2D, bilinear, of any size: Keras's own must know it when it is traced."""

    def __init__(self, factor: int, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, x: Any) -> Any:
        """[B, H, W, C] -> [B, factor x H, factor x W, C]."""
        return tf.image.resize(x, tf.shape(x)[1:3] * self.factor)


class Parse(keras.layers.Layer):  # type: ignore[misc]
    """Runs the network on pictures of any size and takes the best class of each pixel."""

    def __init__(self, network: Any, classes: int) -> None:
        super().__init__(name="parse")
        self.network, self.classes = network, classes

    def call(self, images: Any) -> dict[str, Any]:
        """Of uint8 [B, H, W, 3]: see the module."""
        logits = compute_logits(self.network, images)
        best = tf.argmax(logits, axis=-1, output_type=tf.int32)
        annotation = outputs_to_annotation(best, self.classes, logits.shape[-1])
        return {"annotation": tf.cast(annotation, tf.uint8), "logits": logits}


def exportable(network: Any, classes: int, size: Size, batch: int | None) -> Any:
    """The keras.Model of `network` for pictures of `size`, `batch` at a time (None = any number)."""
    image = keras.Input((*size, 3), batch_size=batch, dtype="uint8", name="image")
    anywhere = keras.models.clone_model(network, clone_function=_of_any_size)
    anywhere.set_weights(network.get_weights())
    return keras.Model(image, Parse(anywhere, classes)(image), name=network.name)


def in_float32(network: Any) -> Any:
    """The network without mixed precision, which is for training: itself where it has none."""
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
