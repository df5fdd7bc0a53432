"""Section model of params.yaml: the network."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sceneparse.core.fields import Section


class Model(Section):
    """The network."""

    backbone: Literal["vgg16", "vgg19"] = Field(default="vgg16", description="classifier below the FCN: vgg16 or vgg19")
    width: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.125, description="multiplies all channel counts: 1.0 as published, 0.125 trains on two CPU cores"
    )
    input_std: Annotated[float, Field(ge=0.1, le=1000)] = Field(
        default=58.0,
        description="divides pixels after the mean is subtracted: 1.0 as published, 58.0 is about their spread",
    )
    pooling: Literal["max", "average"] = Field(
        default="max", description="pooling of the backbone's blocks: max or average"
    )
    normalization: Literal["none", "batch"] = Field(
        default="none", description="none, or batch (before each ReLU; not with ImageNet weights)"
    )
    head_input: Literal["pool5", "conv5_3"] = Field(
        default="pool5", description="input of fc6: pool5, or conv5_3 (max-pooled before its ReLU, no conv5_4)"
    )
    head_init: Literal["he", "normal"] = Field(
        default="he",
        description="he = ImageNet's fc6 and fc7 if given, zero scores; normal = all from N(0, 0.02), truncated",
    )
    head_channels: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=1024, description="channels of fc6 and fc7, times width: 4096 as published, 1024 learns as well here"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.1, description="dropout rate after fc6 and fc7: 0.5 as published, too much for narrow layers"
    )
    skips: Literal["scores", "features"] = Field(
        default="scores",
        description="what is added while upsampling: class scores of the pools, or their features as they are",
    )
    upsampling: Literal["bilinear", "learned"] = Field(
        default="bilinear", description="bilinear, or learned (transposed convolutions that start bilinear)"
    )
    stride: Literal[4, 8, 16, 32] = Field(
        default=8, description="stride of the finest skip: 8 = FCN-8s, 16 and 32 coarser, 4 finer (poles, signs)"
    )
    other: Literal["ignored", "class"] = Field(
        default="ignored",
        description="annotation value 0 (and padding) in training: ignored, or class (one of its own)",
    )

    @model_validator(mode="after")
    def _buildable(self) -> Self:
        if self.skips == "features" and (self.upsampling, self.stride) != ("learned", 8):
            raise ValueError(
                f"skips features needs upsampling learned and stride 8, not {self.upsampling} and {self.stride}"
            )
        return self

    def misfit(self, top: bool) -> str | None:
        """Return why ImageNet's weights, which have fc6 and fc7 if `top`, do not fit; None if they do."""
        if not math.isclose(self.width, 1):
            return f"model.width {self.width} has no ImageNet weights: set model.width to 1.0"
        if self.normalization != "none":
            return "ImageNet's VGG has no normalization: set model.normalization to none"
        if top and self.head_init == "he" and self.head_channels != 4096:
            return (
                f"ImageNet's fc6 and fc7 have 4096 channels, not {self.head_channels}: set model.head_channels to "
                f"4096, or weights.source to sources/{self.backbone}_notop.yaml"
            )
        return None

    @property
    def ignores_other(self) -> bool:
        """Whether the network has no output for annotation value 0."""
        return self.other == "ignored"
