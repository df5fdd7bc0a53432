"""What the params and the model's card are made of: sections without surprises, and the types of their fields."""

import hashlib
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from stages.files import ALGORITHMS


def _digest(value: str) -> str:
    algorithm, _, digits = value.partition(":")
    if algorithm not in ALGORITHMS or not re.fullmatch(f"[0-9a-f]{{{2 * hashlib.new(algorithm).digest_size}}}", digits):
        raise ValueError(f"expected algorithm:hex, whole and in lower case, with one of {', '.join(ALGORITHMS)}")
    return value


Digest = Annotated[str, AfterValidator(_digest)]
Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Side = Annotated[int, Field(ge=32, le=4096, multiple_of=32)]
Scale = Annotated[float, Field(ge=0.25, le=4)]
Palette = Literal["standard", "colour_blind"]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    """A section of params.yaml: all keys required, no others, no conversion between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def __hash__(self) -> int:
        """Pydantic's own stumbles over a list among the values."""
        return hash(self.model_dump_json())
