"""Section prepare of params.yaml: pairs become records."""

from typing import Annotated, Literal

from pydantic import Field

from sceneparse.core.fields import Positive, Section, Side


class Prepare(Section):
    """How pairs become records."""

    size: Side = Field(description="side of the records, pixels")
    mode: Literal["squash", "crop", "letterbox"] = Field(description="how a picture is fitted into the square")
    interpolation: Literal["bilinear", "nearest"] = Field(description="of images; annotations are always nearest")
    jpeg_quality: Annotated[int, Field(ge=1, le=100)] = Field(description="of the stored images")
    shard_images: Positive = Field(description="images per TFRecord shard")
    colours: Literal["dataset", "ade20k"] = Field(
        description="of the classes: dataset = those of its class table, generated where it has none; "
        "ade20k = the benchmark's own 150"
    )
