"""The params of networks for tests."""

from typing import Any

from sceneparse.params.model import Model

PUBLISHED: dict[str, Any] = {
    "backbone": "vgg16",
    "width": 1.0,
    "input_std": 1.0,
    "pooling": "max",
    "normalization": "none",
    "head_input": "pool5",
    "head_init": "he",
    "head_channels": 4096,
    "dropout": 0.5,
    "skips": "scores",
    "upsampling": "bilinear",
    "stride": 8,
    "other": "ignored",
}
ANCESTOR = {
    "backbone": "vgg19",
    "pooling": "average",
    "head_input": "conv5_3",
    "head_init": "normal",
    "dropout": 0.15,
    "skips": "features",
    "upsampling": "learned",
    "other": "class",
}


def model_params(**changes: Any) -> Model:
    """FCN-8s as published, but for the changes."""
    return Model(**(PUBLISHED | changes))
