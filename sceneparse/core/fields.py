"""What the params and the model's card are made of: sections without surprises, and the types of their fields."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sceneparse.core.files import ALGORITHMS


def _digest(value: str) -> str:
    algorithm, _, digits = value.partition(":")
    if algorithm not in ALGORITHMS or not re.fullmatch(f"[0-9a-f]{{{2 * hashlib.new(algorithm).digest_size}}}", digits):
        raise ValueError(f"expected algorithm:hex, whole and in lower case, with one of {', '.join(ALGORITHMS)}")
    return value


def _watched(value: str) -> str:
    """DVC takes for an address what begins like one, even with a single colon."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", value):
        raise ValueError(
            "an address is no path that DVC can watch: write it into a file such as sources/mine.yaml, as `url: ...` "
            "with its `digest: ...`, and name that file here (a file on this machine with such a name: ./NAME)"
        )
    if value.startswith("~"):
        raise ValueError("DVC does not know ~: write the whole path, as /home/me/set.zip")
    if "\0" in value:
        raise ValueError("a path has no NUL")
    return value


def _source(value: str) -> str:
    if value in ("demo", "none"):
        raise ValueError(f"no path: write sources/{value}.yaml (or, of a folder of that name, ./{value})")
    return value


SOURCE_FILES = (".yaml", ".yml")  # ends of names of files that say where to get data (sceneparse/fetch/source_files.py)

Digest = Annotated[str, AfterValidator(_digest)]
WatchedPath = Annotated[str, Field(min_length=1), AfterValidator(_watched)]
Source = Annotated[WatchedPath, AfterValidator(_source)]
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


def offenders(error: ValidationError) -> str:
    """Every bad key of a file with its value, in one line."""
    lines = []
    for item in error.errors():
        key = ".".join(map(str, item["loc"])) or "(across sections)"
        shown = "" if isinstance(item["input"], dict | BaseModel) else f" (found {item['input']!r})"
        lines.append(f"{key}: {item['msg']}{shown}")
    return "; ".join(lines)


def source_text(path: Path) -> str:
    """Return a path as download.source takes it: what looks like something else begins with ./"""
    try:
        return TypeAdapter(Source).validate_python(str(path))
    except ValidationError:
        return f"./{path}"
