"""Sections of files and types of their fields: for the params, the model's card and the source files."""

import hashlib
import json
import re
from collections.abc import Mapping
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sceneparse.core.errors import few, shortened
from sceneparse.core.files import ALGORITHMS


def _digest(value: str) -> str:
    algorithm, _, digits = value.partition(":")
    if algorithm not in ALGORITHMS or not re.fullmatch(f"[0-9a-f]{{{2 * hashlib.new(algorithm).digest_size}}}", digits):
        raise ValueError(f"expected algorithm:hex, whole and in lower case, with one of {', '.join(ALGORITHMS)}")
    return value


def _watched(value: str) -> str:
    """Refuse paths that DVC cannot watch. It takes any text with a scheme and a colon for an address."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", value):
        raise ValueError(
            "DVC cannot watch an address: write it into a file such as sources/mine.yaml, as `url: ...` with its "
            "`digest: ...`, and name that file here (or write ./NAME for a file of such a name)"
        )
    if value.startswith("~"):
        raise ValueError("DVC does not know ~: write the whole path, as /home/me/set.zip")
    if "\0" in value:
        raise ValueError("a path cannot hold NUL")
    return value


def _source(value: str) -> str:
    if value in ("demo", "none"):
        raise ValueError(f"not a path: write sources/{value}.yaml (or ./{value} for a folder of that name)")
    return value


SOURCE_FILES = (".yaml", ".yml")  # suffixes of files that say where to get data (sceneparse/fetch/source_files.py)

Digest = Annotated[str, AfterValidator(_digest)]
WatchedPath = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_watched)]
Source = Annotated[WatchedPath, AfterValidator(_source)]
Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Positive = Annotated[int, Field(ge=1, le=1_000_000)]
Natural = Annotated[int, Field(ge=1, lt=2**53)]  # of bytes or updates; every reader of JSON holds it exactly
Batch = Annotated[int, Field(ge=1, le=4096)]
Side = Annotated[int, Field(ge=32, le=4096, multiple_of=32)]
Scale = Annotated[float, Field(ge=0.25, le=4)]
Palette = Literal["standard", "colour_blind"]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Section(BaseModel):
    """A section of a file: no other keys, no conversion between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def __hash__(self) -> int:
        """Return a hash of the values; pydantic's own fails on a list among them."""
        return hash(self.model_dump_json())


def flat(content: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return all keys by their dotted names, sections included, with their values."""
    values: dict[str, Any] = {}
    for key, value in content.items():
        values[f"{above}{key}"] = value
        if isinstance(value, Mapping):
            values |= flat(value, f"{above}{key}.")
    return values


def leaves(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return all values by their dotted names, without the sections."""
    return {key: value for key, value in flat(content).items() if not isinstance(value, Mapping)}


def set_leaf(content: Any, name: str, value: Any) -> None:
    """Set the value of a dotted name whose sections exist."""
    *sections, last = name.split(".")
    reduce(getitem, sections, content)[last] = value


def shown(value: object) -> str:
    """Return a value as YAML has it, strings without quotes."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def offenders(error: ValidationError, without: str = "") -> list[str]:
    """Return the bad keys of a file with their values, but for pydantic's errors of type `without`; 20 at most."""
    lines = []
    for item in error.errors():
        key = shortened(".".join(map(str, item["loc"]))) or "(across sections)"
        value = "" if isinstance(item["input"], dict | BaseModel) else f" (found {shortened(repr(item['input']))})"
        if item["type"] != without:
            lines.append(f"{key}: {item['msg']}{value}")
    return few(lines, longest=1000)


def source_text(path: Path) -> str:
    """Return a path as download.source takes it, with ./ before a name that looks like something else."""
    try:
        return TypeAdapter(Source).validate_python(str(path))
    except ValidationError:
        return f"./{path}"
