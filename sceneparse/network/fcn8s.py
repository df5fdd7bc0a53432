"""FCN-8s (Long, Shelhamer, Darrell 2015; Shelhamer, Long, Darrell 2017) on VGG16 or VGG19, with SAME padding.

Input: uint8 RGB [B, H, W, 3], H and W multiples of 32. Output: float32 logits [B, H, W, N], or with other = class
[B, H, W, N + 1], whose last channel is annotation value 0. Preprocessing is inside the model and every layer is
a stock Keras layer, so a saved model needs no code of ours. Layer names are those of the authors' Caffe nets.

Differences from the paper, on purpose: SAME padding instead of a 100-pixel border; upsampling is
fixed bilinear interpolation (the paper's initialisation; dense 150 x 150 deconvolutions cost 20%
more arithmetic for kernels that stay almost diagonal), unless model.upsampling is learned. With
stride 4 there is one more skip, from pool2, which the paper did not try.
"""

import math
from typing import Any

import keras
from keras import layers

from sceneparse.dataset.images import MEAN_RGB
from sceneparse.dataset.labels import count_outputs
from sceneparse.network.backbones import find_backbone
from sceneparse.network.layers import Layers
from sceneparse.params.model import Model


def build_fcn8s(classes: int, params: Model, seed: int = 0) -> Any:
    """Return the network for N classes, a keras.Model. `seed` decides its random weights.

    As published (width 1, head_channels 4096, skips scores, upsampling bilinear, stride 8) and with 150 classes it has
    134,990,594 trainable parameters on VGG16 and 140,300,290 on VGG19.
    """
    make = Layers(params, count_outputs(classes, params.ignores_other), seed)

    # --- preprocessing: float32 even under mixed precision, bfloat16 would round 255 - 123.68
    image = keras.Input((None, None, 3), dtype="uint8", name="image")
    scale, shift = 1 / params.input_std, [-value / params.input_std for value in MEAN_RGB]
    x = layers.Rescaling(scale, shift, dtype="float32", name="subtract_mean")(image)

    # --- backbone: five feature maps, each half the resolution of the one before
    _, pool2, pool3, pool4, x = find_backbone(params.backbone).build(x, make)

    # --- the classifier as convolutions: [B, H/32, W/32, head_channels]
    x = make.convolution(x, "fc6", params.head_channels, 7, head=True)
    x = make.dropout(x, "drop6")
    x = make.convolution(x, "fc7", params.head_channels, 1, head=True)
    x = make.dropout(x, "drop7")
    x = make.score(x, "score_fr")

    # --- skips: stride 32 -> 16 -> 8 -> 1, or -> 4 -> 1
    if params.skips == "scores":
        for finer, pool, name, before in (
            (16, pool4, "pool4", "upscore2"),
            (8, pool3, "pool3", "upscore_pool4"),
            (4, pool2, "pool2", "upscore_pool3"),
        ):
            if params.stride <= finer:
                x = make.upsample(x, before, 2)
                x = layers.Add(name=f"fuse_{name}")([x, make.score(pool, f"score_{name}")])
        x = layers.Activation("linear", dtype="float32", name="float32")(x)
        logits = make.upsample(x, f"upscore{params.stride}", params.stride, last=True)
    else:
        x = layers.Add(name="fuse_pool4")([make.expand(x, "expand_pool4", pool4.shape[-1], 2), pool4])
        x = layers.Add(name="fuse_pool3")([make.expand(x, "expand_pool3", pool3.shape[-1], 2), pool3])
        logits = make.expand(x, "expand8", make.outputs, 8, last=True)
    return keras.Model(image, logits, name=f"fcn{params.stride}s_{params.backbone}")


def multiply_accumulates(model: Any, height: int, width: int) -> int:
    """Return the multiply-accumulates of a forward pass of one image, convolutions only."""
    convolutions = [layer for layer in model.layers if isinstance(layer, layers.Conv2D | layers.Conv2DTranspose)]
    # A convolution's kernel is applied at each output, a transposed one's at each input.
    ends = [layer.input if isinstance(layer, layers.Conv2DTranspose) else layer.output for layer in convolutions]
    spec = keras.Model(model.input, ends).compute_output_spec(keras.KerasTensor((1, height, width, 3), "uint8"))
    return sum(
        math.prod(layer.kernel.shape) * math.prod(end.shape[1:3]) for layer, end in zip(convolutions, spec, strict=True)
    )
