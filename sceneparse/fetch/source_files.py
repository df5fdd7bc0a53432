"""Source files: small YAML files that say where download.source or weights.source gets its data.

Input: a path, which dvc.yaml names as a dependency, so that DVC notices changes. Output: the path itself, for local
data; for a path that ends in .yaml, the content of that source file:
    draw: demo                              demo scenes; download.demo in params.yaml says how many
    weights: none                           no pretrained weights
    url: ..., digest: ..., size_bytes: ...  a file on an HTTP server; size_bytes may be left out
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sceneparse.core.errors import InputError
from sceneparse.core.fields import SOURCE_FILES, Digest, Positive, Section, offenders


def _url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("expected http:// or https://; for a local file, name its path in params.yaml instead")
    return value


class Drawn(Section):
    """Source file of the demo's scenes."""

    draw: Literal["demo"] = Field(description="the only kind of scenes")


class NoWeights(Section):
    """Source file for training without pretrained weights."""

    weights: Literal["none"] = Field(description="random initialisation")


class Fetched(Section):
    """Source file of a download."""

    url: Annotated[str, AfterValidator(_url)] = Field(description="http or https")
    digest: Digest | None = Field(None, description="algorithm:hex; without it the file is downloaded but not used")
    size_bytes: Positive | None = Field(None, description="optional; checked before the digest")


def read_source(source: str, *kinds: type[Section]) -> Path | Section:
    """Return the path of local data, or the content of a source file, one of `kinds`. Raises InputError."""
    path = Path(source)
    if not source.endswith(SOURCE_FILES):
        return path
    try:
        content = YAML(typ="safe", pure=True).load(path)
    except (OSError, YAMLError) as error:
        raise _refusal(path, "a YAML file", str(error)) from None
    keys = content if isinstance(content, dict) else {}
    first = {next(iter(kind.model_fields)): kind for kind in kinds}
    for key, kind in first.items():
        if key in keys:
            try:
                return kind.model_validate(content)
            except ValidationError as error:
                raise _refusal(path, f"the keys {', '.join(kind.model_fields)}", "; ".join(offenders(error))) from None
    raise _refusal(path, f"a file with the key {' or '.join(first)}", f"{', '.join(map(str, keys)) or 'none'}")


def _refusal(path: Path, expected: str, got: str) -> InputError:
    step = "fix the file; sources/ has examples, docs/own-data.md describes the keys"
    return InputError("cannot use the source file", expected=expected, got=got, file=path, next_step=step)
