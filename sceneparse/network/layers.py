"""Layers of FCN-8s, as section model of the params describes them: convolutions, pools, scores and upsampling.

Input: a Keras tensor. Output: a Keras tensor. Stock Keras layers only. Each random layer has a seed of
its own, counted up in the order in which the network is built, so no two layers draw the same numbers.
"""

import itertools
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from sceneparse.core.types import Tensor
from sceneparse.params.model import Model

NORMAL_STD = 0.02  # for head_init normal, as in the 2017 TensorFlow implementation


class Layers:
    """Maker of the layers of one network."""

    def __init__(self, params: Model, outputs: int, seed: int) -> None:
        self.params, self.outputs = params, outputs
        self._seeds = itertools.count(seed * 1000)

    def convolution(
        self, x: Tensor, name: str, filters: int, kernel: int, gain: float = 1.0, relu: bool = True, head: bool = False
    ) -> Tensor:
        """Add a SAME convolution, normalization if the params ask for it, and ReLU.

        Weights are He-normal (He et al. 2015), or N(0, 0.02) in the head with head_init normal.
        """
        plain = self.params.normalization == "none"
        initializer = self._normal() if head and self.params.head_init == "normal" else self._scaled(2.0 * gain)
        x = layers.Conv2D(
            max(1, round(filters * self.params.width)),
            kernel,
            padding="same",
            use_bias=plain,  # a normalization has a bias of its own
            activation="relu" if plain and relu else None,
            kernel_initializer=initializer,
            name=name,
        )(x)
        if not plain:
            # Synchronized: one device and many compute the same statistics of a batch. The momentum is Keras's default:
            # fc6's moments come from a few hundred values a batch, too few to forget ten batches later.
            x = layers.BatchNormalization(momentum=0.99, synchronized=True, name=f"{name}_norm")(x)
            x = layers.ReLU(name=f"{name}_relu")(x) if relu else x
        return x

    def pool(self, x: Tensor, name: str, kind: str) -> Tensor:
        """Halve the resolution, by the max or the average."""
        return (layers.MaxPooling2D if kind == "max" else layers.AveragePooling2D)(2, name=name)(x)

    def dropout(self, x: Tensor, name: str) -> Tensor:
        """Add dropout at the params' rate."""
        return layers.Dropout(self.params.dropout, seed=next(self._seeds), name=name)(x)

    def score(self, x: Tensor, name: str) -> Tensor:
        """Add a 1 x 1 convolution to the outputs.

        With head_init he it starts at zero: all classes are equally likely, and a skip adds nothing.
        """
        he = self.params.head_init == "he" and self.params.skips == "scores"
        return layers.Conv2D(self.outputs, 1, kernel_initializer="zeros" if he else self._normal(), name=name)(x)

    def upsample(self, x: Tensor, name: str, factor: int, last: bool = False) -> Tensor:
        """Upsample scores by `factor`: bilinearly, or by a transposed convolution that starts as bilinear."""
        dtype = "float32" if last else None  # logits stay float32 under mixed precision
        if self.params.upsampling == "bilinear":
            return layers.UpSampling2D(factor, interpolation="bilinear", dtype=dtype, name=name)(x)
        layer = layers.Conv2DTranspose(
            self.outputs, 2 * factor, factor, "same", use_bias=False, kernel_initializer="zeros", dtype=dtype, name=name
        )
        y = layer(x)
        if self.params.head_init == "he":
            layer.kernel.assign(bilinear_kernel(factor, self.outputs))
        else:
            layer.kernel.assign(self._normal()(layer.kernel.shape))
        return y

    def expand(self, x: Tensor, name: str, filters: int, factor: int, last: bool = False) -> Tensor:
        """Upsample features, or at the end logits, by `factor` with a transposed convolution that has a bias."""
        # Two rows and two columns of the kernel reach an output.
        spread = keras.initializers.RandomNormal(stddev=(x.shape[-1] * 4) ** -0.5, seed=next(self._seeds))
        he = self.params.head_init == "he"
        initializer = self._normal() if not he else "zeros" if last else spread
        dtype = "float32" if last else None
        return layers.Conv2DTranspose(
            filters, 2 * factor, factor, "same", kernel_initializer=initializer, dtype=dtype, name=name
        )(x)

    def _scaled(self, scale: float) -> Any:
        return keras.initializers.VarianceScaling(scale, "fan_in", "truncated_normal", seed=next(self._seeds))

    def _normal(self) -> Any:
        return keras.initializers.TruncatedNormal(stddev=NORMAL_STD, seed=next(self._seeds))


def bilinear_kernel(factor: int, channels: int) -> npt.NDArray[np.float32]:
    """Return a kernel of a transposed convolution that interpolates each channel: float32 [2f, 2f, channels, channels].

    With stride f and SAME padding it equals tf.image.resize except at the border, where it fades to zero.
    """
    ramp = 1 - np.abs(np.arange(2 * factor) - (2 * factor - 1) / 2) / factor
    kernel: npt.NDArray[np.float32] = np.multiply.outer(ramp, ramp).astype(np.float32)
    return kernel[:, :, None, None] * np.eye(channels, dtype=np.float32)
