"""Section prepare of params.yaml: pairs become records."""

from typing import Annotated, Literal

from pydantic import Field

from sceneparse.core.fields import Positive, Section, Side


class Prepare(Section):
    """How pairs become records."""

    size: Side = Field(default=256, description="side of the stored square, pixels")
    mode: Literal["squash", "crop", "letterbox"] = Field(
        default="squash",
        description="fit to the square: squash, crop (short side, then centre) or letterbox (padding ignored)",
    )
    interpolation: Literal["bilinear", "nearest"] = Field(
        default="bilinear",
        description="image resizing: bilinear (antialiased) or nearest; annotations always use nearest",
    )
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = Field(
        default=95, description="quality of the stored images; artefacts at 95 are far below annotation errors"
    )
    shard_images: Positive = Field(default=256, description="images per TFRecord shard; 256 make about 6 MB")
    colours: Literal["dataset", "ade20k"] = Field(
        default="dataset",
        description="class colours: dataset (its class table's, or by name), ade20k (the benchmark's 150)",
    )
