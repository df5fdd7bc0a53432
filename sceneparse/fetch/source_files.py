"""What download.source and weights.source name: data on this machine, or a source file that says where to get it.

Input: a path, which dvc.yaml names as a dependency, so that DVC notices when it changes. Output: the path itself; or,
of a path that ends in .yaml, the content of that source file, one of
    draw: demo                            scenes drawn on the spot; how many: params.yaml, download.demo
    weights: none                         no pretrained weights
    url: ..., digest: ..., size_bytes: ...  a file on an HTTP server; only the digest is needed beside the url
Anything else in it is refused with the names of the keys.
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
        raise ValueError("expected http:// or https://; of a file on this machine name the path in params.yaml instead")
    return value


class Drawn(Section):
    """The demo's scenes."""

    draw: Literal["demo"] = Field(description="what is drawn")


class NoWeights(Section):
    """A network that begins at random."""

    weights: Literal["none"] = Field(description="that there are none")


class Fetched(Section):
    """A file on a server."""

    url: Annotated[str, AfterValidator(_url)] = Field(description="http or https")
    digest: Digest | None = Field(None, description="algorithm:hex; without it the file is fetched and not used")
    size_bytes: Positive | None = Field(None, description="checked before the digest, where known")


def read_source(source: str, *kinds: type[Section]) -> Path | Section:
    """Return the path, or the content of a source file of one of `kinds`. Raises InputError."""
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
                raise _refusal(path, f"the keys {', '.join(kind.model_fields)}", offenders(error)) from None
    raise _refusal(path, f"a file with the key {' or '.join(first)}", f"{', '.join(map(str, keys)) or 'none'}")


def _refusal(path: Path, expected: str, got: str) -> InputError:
    step = "fix the file; sources/ has examples, docs/own-data.md describes the keys"
    return InputError("the source file cannot be used", expected=expected, got=got, file=path, next_step=step)
