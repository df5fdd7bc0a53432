"""Section visualize of params.yaml: the report."""

from pydantic import Field

from sceneparse.core.fields import Count, Palette, Probability, Section, Seed

THUMBNAIL_BYTES = 3_000  # most of a thumbnail's file; with base64 and its row at most 5 KB in the page


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
    all: bool = Field(
        default=False,
        description="also list all validation images with thumbnails: at most 5 KB each, and a prediction",
    )
    full_size: bool = Field(
        default=False, description="store pictures/ at the images' own size, and link to them from the page"
    )
