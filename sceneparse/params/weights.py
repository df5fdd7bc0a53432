"""Section weights of params.yaml: the ImageNet weights."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from sceneparse.core.fields import SOURCE_FILES, Digest, Section, Source

NO_WEIGHTS = "none.yaml"  # name of the source file without pretrained weights
TOP = ("vgg16.yaml", "vgg19.yaml")  # names of those with fc6 and fc7


class Weights(Section):
    """Where the ImageNet weights come from."""

    source: Source = Field(
        default="sources/none.yaml",
        description="source file (none = random, notop = without fc6 and fc7), or a Keras weights file",
    )
    digest: Digest | None = Field(
        default=None, description="digest of a weights file on this machine, algorithm:hex; empty with a source file"
    )

    @model_validator(mode="after")
    def _one_digest(self) -> Self:
        if self.digest and self.source.endswith(SOURCE_FILES):
            raise ValueError(f"leave digest empty: {self.source} has its own")
        return self

    @property
    def pretrained(self) -> bool:
        """Whether the source has ImageNet weights."""
        return Path(self.source).name != NO_WEIGHTS

    @property
    def top(self) -> bool:
        """Whether the source's name tells that it has fc6 and fc7; where it does not, stage train tells."""
        return Path(self.source).name in TOP
