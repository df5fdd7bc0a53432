"""Section weights of params.yaml: the ImageNet weights."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from sceneparse.core.fields import SOURCE_FILES, Digest, Section, Source

NO_WEIGHTS = "none.yaml"  # name of the source file without pretrained weights
NOTOP = "_notop"  # ends the name of a source file without fc6 and fc7, before .yaml


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
    def backbone(self) -> str:
        """Backbone that the source fits, if its name is one's; where it is not, stage train tells."""
        return Path(self.source).stem.removesuffix(NOTOP) if self.source.endswith(SOURCE_FILES) else ""

    @property
    def top(self) -> bool:
        """Whether a source with a backbone's name has fc6 and fc7."""
        return not Path(self.source).stem.endswith(NOTOP)
