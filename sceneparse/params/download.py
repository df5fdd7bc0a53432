"""Section download of params.yaml: the dataset archive."""

from pydantic import Field

from sceneparse.core.fields import Digest, Positive, Section, Seed, Source


class Demo(Section):
    """The scenes drawn when download.source is sources/demo.yaml."""

    training: Positive = Field(description="training scenes to draw")
    validation: Positive = Field(description="validation scenes to draw")
    seed: Seed = Field(description="of the scenes")


class Download(Section):
    """Where the dataset archive comes from."""

    source: Source = Field(description="path of a source file (.yaml, see sources/), a zip or a directory")
    digest: Digest | None = Field(description="of the archive, algorithm:hex, whatever its source; null = not compared")
    demo: Demo
