"""Section evaluate of params.yaml: scores of the trained model."""

from typing import Annotated

from pydantic import Field

from sceneparse.core.fields import Batch, Scale, Section


class Evaluate(Section):
    """How the trained model is scored."""

    batch_size: Batch = Field(
        default=8, description="images per forward pass; changes memory and speed, not the scores"
    )
    scales: Annotated[list[Scale], Field(min_length=1, max_length=16)] = Field(
        default=[1.0], description="image sizes relative to the training size; class probabilities are averaged"
    )
    flip: bool = Field(default=False, description="also average the probabilities of the mirrored image at each scale")
