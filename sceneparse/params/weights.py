"""Section weights of params.yaml: the ImageNet weights."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from sceneparse.core.fields import SOURCE_FILES, Digest, Section, Source

NO_WEIGHTS = "none.yaml"  # name of the source file that stands for no pretrained weights


class Weights(Section):
    """Where the ImageNet weights come from."""

    source: Source = Field(description="path of a source file (.yaml, see sources/) or a Keras VGG 'top' weights file")
    digest: Digest | None = Field(
        description="of a weights file on this machine, algorithm:hex, without which it is not read; null = none"
    )

    @model_validator(mode="after")
    def _one_digest(self) -> Self:
        if self.digest and self.source.endswith(SOURCE_FILES):
            raise ValueError(f"leave digest empty: {self.source} has the file's own")
        return self

    @property
    def pretrained(self) -> bool:
        """Whether there are any."""
        return Path(self.source).name != NO_WEIGHTS
