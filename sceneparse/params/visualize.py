"""Section visualize of params.yaml: the report."""

from pydantic import Field

from sceneparse.core.fields import Count, Palette, Probability, Section, Seed


class Visualize(Section):
    """What the report shows."""

    best: Count = Field(description="validation images with the highest mIoU")
    worst: Count = Field(description="validation images with the lowest mIoU")
    random: Count = Field(description="validation images drawn at random from the rest")
    seed: Seed = Field(description="of that draw")
    opacity: Probability = Field(description="of the colours laid over the image, at first")
    palette: Palette = Field(
        description="standard = the model's; colour_blind = also told apart without seeing red and green"
    )
    confused: Count = Field(description="classes in the heat map of confusions, those confused most")
