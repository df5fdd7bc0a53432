"""Section download of params.yaml: the dataset archive."""

from pydantic import Field

from sceneparse.core.fields import Digest, Positive, Section, Seed, Source


class Demo(Section):
    """Scenes that sources/demo.yaml draws."""

    training: Positive = Field(default=240, description="number of training scenes")
    validation: Positive = Field(default=60, description="number of validation scenes")
    seed: Seed = Field(default=0, description="random seed of the scenes")


class Download(Section):
    """Where the dataset archive comes from."""

    source: Source = Field(
        default="sources/demo.yaml", description="source file (see sources/), or a zip or directory in ADE20K's layout"
    )
    digest: Digest | None = Field(
        default=None, description="expected digest of the archive, algorithm:hex; empty = not checked"
    )
    demo: Demo = Demo()
