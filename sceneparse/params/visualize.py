"""Section visualize of params.yaml: the report."""

from pydantic import Field

from sceneparse.core.fields import Count, Palette, Probability, Section, Seed


class Visualize(Section):
    """Contents of the report."""

    best: Count = Field(default=4, description="number of validation images with the highest mIoU")
    worst: Count = Field(default=4, description="number of validation images with the lowest mIoU")
    random: Count = Field(default=4, description="number of other validation images, drawn at random")
    seed: Seed = Field(default=0, description="random seed of that draw")
    opacity: Probability = Field(default=0.6, description="initial opacity of the class colours; the page has a slider")
    palette: Palette = Field(
        default="standard",
        description="standard = the model's colours, colour_blind = safe without red-green vision too",
    )
    confused: Count = Field(default=16, description="number of classes in the confusion heat map, most confused first")
