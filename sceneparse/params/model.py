"""Section model of params.yaml: the network."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sceneparse.core.fields import Section


class Model(Section):
    """The network."""

    backbone: Literal["vgg16", "vgg19"] = Field(description="the classifier the FCN is built on")
    width: Annotated[float, Field(gt=0, le=1)] = Field(description="multiplier on all channel counts; 1 as published")
    input_std: Annotated[float, Field(gt=0)] = Field(
        description="what pixels less their mean are divided by; 1 as published, 58 is about their spread"
    )
    pooling: Literal["max", "average"] = Field(description="of the backbone's blocks")
    normalization: Literal["none", "batch"] = Field(description="batch = of each convolution, before its ReLU")
    head_input: Literal["pool5", "conv5_3"] = Field(
        description="what fc6 sees; conv5_3 = max-pooled before its ReLU, without conv5_4"
    )
    head_init: Literal["he", "normal"] = Field(
        description="he = fc6 and fc7 from ImageNet where given, scores zero; normal = N(0, 0.02), truncated, for all"
    )
    head_channels: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="of fc6 and fc7, times width; 4096 as published"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(description="after fc6 and fc7")
    skips: Literal["scores", "features"] = Field(
        description="what is upsampled and summed: scores of the classes, or features, onto the pools as they are"
    )
    upsampling: Literal["bilinear", "learned"] = Field(description="learned = by transposed convolutions")
    stride: Literal[8, 16, 32] = Field(description="of the finest skip: 8 = FCN-8s, 16 = FCN-16s, 32 = FCN-32s")
    other: Literal["ignored", "class"] = Field(
        description="annotation value 0, padding included, in training: no loss, or a class of its own"
    )

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        if self.skips == "features" and (self.upsampling, self.stride) != ("learned", 8):
            raise ValueError(
                f"skips features needs upsampling learned and stride 8, not {self.upsampling} and {self.stride}"
            )
        return self

    def misfit(self) -> str | None:
        """Why ImageNet's weights do not fit this network; None where they do."""
        if not math.isclose(self.width, 1):
            return f"model.width {self.width} has no ImageNet weights: set model.width to 1.0"
        if (self.normalization, self.input_std) != ("none", 1):
            return (
                "ImageNet's VGG has no normalization and takes pixels as they are: set model.normalization to none "
                "and model.input_std to 1.0"
            )
        if self.head_init == "he" and self.head_channels != 4096:
            return f"ImageNet's classifier has 4096 channels, not {self.head_channels}: set model.head_channels to 4096"
        return None

    @property
    def ignores_other(self) -> bool:
        """Whether the network has no output for annotation value 0."""
        return self.other == "ignored"
