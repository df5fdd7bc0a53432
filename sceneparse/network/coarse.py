"""The scores that a network upsamples at its end: one for every 8 x 8 pixels, so a 64th of the logits' memory."""

from typing import Any

import keras


def cut_upsampling(network: Any) -> tuple[Any, int]:
    """Return the network without its last layer and that layer's factor, if it is a bilinear upsampling.

    Returns the network itself and 1 if it ends otherwise, as with model.upsampling learned.
    """
    last = network.layers[-1] if isinstance(network, keras.Model) else None
    if isinstance(last, keras.layers.UpSampling2D) and last.interpolation == "bilinear":
        return keras.Model(network.input, last.input, name=f"{network.name}_coarse"), last.size[0]
    return network, 1
