"""The VGG networks (Simonyan, Zisserman 2015, table 1): five blocks of 3 x 3 convolutions, each ending in a pool."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from sceneparse.core.errors import InputError
from sceneparse.core.types import Tensor

if TYPE_CHECKING:  # Keras takes seconds, and whoever reads a weights file builds no network
    from sceneparse.network.layers import Layers

CHANNELS = (64, 128, 256, 512, 512)  # convolutions' channels by block
GRID = 7  # side of the last feature map, on which the classifier's fc1 lies
PIXEL_STD = 58.0  # ImageNet's pixels around the mean; random initialisation expects about 1


class WeightsLayer(NamedTuple):
    """A layer of an ImageNet weights file: its names here and there, its kernel's side, and if it is dense."""

    name: str
    keras_name: str
    side: int
    dense: bool


class Vgg:
    """A network of the family; `convolutions` counts those of each block."""

    def __init__(self, convolutions: tuple[int, ...]) -> None:
        self.convolutions = convolutions

    def build(self, x: Tensor, make: "Layers") -> list[Tensor]:
        """Return the feature maps of strides 2, 4, 8, 16 and 32 of a preprocessed image [B, H, W, 3].

        Raises InputError if the head's input, model.head_input, is a layer that this network lacks.
        """
        params, pools = make.params, []
        tapped = params.head_input == "conv5_3"  # as in the 2017 code: neither its ReLU nor conv5_4, and always a max
        if tapped and self.convolutions[-1] < 3:
            raise InputError(
                "the head's input is a layer that the backbone does not have",
                expected="a model.head_input that model.backbone has",
                got="conv5_3",
                file="params.yaml",
                next_step="set model.head_input to pool5, or model.backbone to one with three convolutions in block 5",
            )
        for block, (filters, count) in enumerate(zip(CHANNELS, self.convolutions, strict=True), start=1):
            early = tapped and block == 5
            for index in range(1, min(count, 3) + 1 if early else count + 1):
                gain = (params.input_std / PIXEL_STD) ** 2 if block == index == 1 else 1.0
                x = make.convolution(x, f"conv{block}_{index}", filters, 3, gain, relu=not (early and index == 3))
            x = make.pool(x, f"pool{block}", "max" if early else params.pooling)
            pools.append(x)
        return pools

    def weights_layers(self) -> Iterator[WeightsLayer]:
        """Yield the layers of Keras' weights file with the classifier, from the input up."""
        for block, count in enumerate(self.convolutions, start=1):
            for index in range(1, count + 1):
                yield WeightsLayer(f"conv{block}_{index}", f"block{block}_conv{index}", 3, dense=False)
        yield WeightsLayer("fc6", "fc1", GRID, dense=True)
        yield WeightsLayer("fc7", "fc2", 1, dense=True)
