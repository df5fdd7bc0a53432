"""Section evaluate of params.yaml: scores of the trained model."""

from typing import Annotated

from pydantic import Field

from sceneparse.core.fields import Positive, Scale, Section


class Evaluate(Section):
    """How the trained model is scored."""

    batch_size: Positive = Field(description="images per forward pass at training size")
    scales: Annotated[list[Scale], Field(min_length=1)] = Field(
        description="sizes relative to training's at which a picture is seen; their probabilities are averaged"
    )
    flip: bool = Field(description="see it mirrored as well, at each scale")
