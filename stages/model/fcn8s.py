"""FCN-8s (Long, Shelhamer, Darrell 2015; Shelhamer, Long, Darrell 2017) on VGG16 or VGG19, with SAME padding.

Input: uint8 RGB [B, H, W, 3], H and W multiples of 32. Output: float32 logits [B, H, W, N].
Preprocessing is inside the model and every layer is a stock Keras layer, so a saved model needs no
code of ours. Layer names are those of the authors' Caffe nets.

Differences from the paper, on purpose: SAME padding instead of a 100-pixel border; upsampling is
fixed bilinear interpolation (the paper's initialisation; dense 150 x 150 deconvolutions cost 20%
more arithmetic for kernels that stay almost diagonal).
"""

import itertools
import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from stages.data.images import MEAN_RGB
from stages.model.backbone import CONVOLUTIONS

STRIDE = 32
CHANNELS = (64, 128, 256, 512, 512)
FC_CHANNELS = 4096
INPUT_STD = 58.0  # of ImageNet's pixels around the mean; random initialisation expects about 1


def build_fcn8s(classes: int, backbone: str = "vgg16", width: float = 1.0, dropout: float = 0.5, seed: int = 0) -> Any:
    """The network, a keras.Model. Random layers are He-normal from `seed`, score layers zero.

    `width` multiplies all channel counts (at least 1 each). With 150 classes and width 1 it has
    134,990,594 trainable parameters on VGG16 and 140,300,290 on VGG19.
    """

    seeds = itertools.count(seed * 1000)

    def channels(count: int) -> int:
        return max(1, round(count * width))

    def convolution(name: str, filters: int, kernel: int, gain: float = 1.0) -> Any:
        # He et al. 2015; each layer has a seed of its own, so that layers do not share their draws.
        initializer = keras.initializers.VarianceScaling(2.0 * gain, "fan_in", "truncated_normal", seed=next(seeds))
        return layers.Conv2D(
            channels(filters), kernel, padding="same", activation="relu", kernel_initializer=initializer, name=name
        )

    def score(name: str) -> Any:
        # Zero: every class starts equally likely, and each skip adds nothing until it has learned something.
        return layers.Conv2D(classes, 1, kernel_initializer="zeros", name=name)

    def upsample(name: str, factor: int) -> Any:
        return layers.UpSampling2D(factor, interpolation="bilinear", name=name)

    # --- preprocessing: float32 even under mixed precision, bfloat16 would round 255 - 123.68
    image = keras.Input((None, None, 3), dtype="uint8", name="image")
    x = layers.Rescaling(1.0, [-value for value in MEAN_RGB], dtype="float32", name="subtract_mean")(image)

    # --- backbone: five blocks, each halves the resolution
    pools = []
    for block, (filters, count) in enumerate(zip(CHANNELS, CONVOLUTIONS[backbone], strict=True), start=1):
        for index in range(1, count + 1):
            first = block == index == 1
            x = convolution(f"conv{block}_{index}", filters, 3, gain=1 / INPUT_STD**2 if first else 1.0)(x)
        x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
        pools.append(x)

    # --- the classifier as convolutions: [B, H/32, W/32, 4096]
    x = convolution("fc6", FC_CHANNELS, 7)(x)
    x = layers.Dropout(dropout, seed=next(seeds), name="drop6")(x)
    x = convolution("fc7", FC_CHANNELS, 1)(x)
    x = layers.Dropout(dropout, seed=next(seeds), name="drop7")(x)

    # --- skips: stride 32 -> 16 -> 8 -> 1
    x = upsample("upscore2", 2)(score("score_fr")(x))
    x = layers.Add(name="fuse_pool4")([x, score("score_pool4")(pools[3])])
    x = upsample("upscore_pool4", 2)(x)
    x = layers.Add(name="fuse_pool3")([x, score("score_pool3")(pools[2])])
    x = layers.Activation("linear", dtype="float32", name="float32")(x)  # logits stay float32 in mixed precision
    logits = layers.UpSampling2D(8, interpolation="bilinear", dtype="float32", name="upscore8")(x)
    return keras.Model(image, logits, name=f"fcn8s_{backbone}")


def transplant(model: Any, weights: dict[str, Any]) -> None:
    """Set the backbone's weights from arrays named 'layer/kernel' and 'layer/bias'; raises ValueError on a bad fit."""
    wanted = {
        f"{layer.name}/{part}": variable
        for layer in model.layers
        if layer.name.startswith(("conv", "fc"))
        for part, variable in zip(("kernel", "bias"), layer.weights, strict=True)
    }
    wrong = sorted(wanted.keys() ^ weights.keys())
    wrong += [name for name in wanted.keys() & weights.keys() if tuple(wanted[name].shape) != weights[name].shape]
    if wrong:
        raise ValueError(f"weights do not fit the network at: {', '.join(wrong)}")
    for name, variable in wanted.items():
        variable.assign(weights[name])


def segment(model: Any, images: Any) -> Any:
    """Logits float32 [B, H, W, N] of uint8 images [B, H, W, 3] of any size, 1 x 1 up.

    Pads below and to the right to multiples of 32 with the mean colour, which the network sees as
    zeros, like the border of every SAME convolution; crops the logits back. Heights and widths must
    be known when it is called or traced: Keras cannot interpolate to a symbolic size.
    """
    height, width = images.shape[1:3]
    mean = tf.constant(MEAN_RGB)
    padding = [[0, 0], [0, -height % STRIDE], [0, -width % STRIDE], [0, 0]]
    padded = tf.pad(tf.cast(images, tf.float32) - mean, padding) + mean
    logits = model(tf.cast(tf.round(padded), tf.uint8), training=False)
    return logits[:, :height, :width]


def multiply_accumulates(model: Any, height: int, width: int) -> int:
    """Multiply-accumulates of one forward pass of one image, convolutions only."""
    total = 0
    stride = 1
    for layer in model.layers:
        if isinstance(layer, layers.MaxPooling2D):
            stride *= 2
        if isinstance(layer, layers.Conv2D):
            at = {"score_pool4": 16, "score_pool3": 8}.get(layer.name, stride)
            total += math.prod(layer.kernel.shape) * (height // at) * (width // at)
    return total
