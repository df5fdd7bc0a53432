"""Source files: small YAML files that say where download.source or weights.source gets its data.

Input: a path, which dvc.yaml names as a dependency, so that DVC notices changes. Output: the path itself, for local
data; for a path that ends in .yaml, the content of that source file:
    draw: demo                              demo scenes; download.demo in params.yaml says how many
    weights: none                           no pretrained weights
    url: ..., digest: ..., size_bytes: ...  a file on an HTTP server; size_bytes may be left out
"""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError

from sceneparse.core.documents import load_yaml
from sceneparse.core.errors import InputError, few
from sceneparse.core.fields import SOURCE_FILES, Digest, Natural, Section, offenders


def _url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("expected http:// or https://; for a local file, name its path in params.yaml instead")
    if not value.isprintable():
        raise ValueError("an address cannot hold control characters")
    address = urlsplit(value)  # this line and the next raise ValueError for brackets and ports that do not fit
    if address.port == 0 or not address.hostname:
        raise ValueError("the address names no host or port")
    address.hostname.encode("idna")  # raises UnicodeError, a ValueError, for a name that no host can have
    return value


class Drawn(Section):
    """Source file of the demo's scenes."""

    draw: Literal["demo"] = Field(description="the only kind of scenes")


class NoWeights(Section):
    """Source file for training without pretrained weights."""

    weights: Literal["none"] = Field(description="random initialisation")


class Fetched(Section):
    """Source file of a download."""

    url: Annotated[str, Field(max_length=2000), AfterValidator(_url)] = Field(description="http or https")
    digest: Digest | None = Field(None, description="algorithm:hex; without it the file is downloaded but not used")
    size_bytes: Natural | None = Field(None, description="optional; checked before the digest")


def read_source(source: str, *kinds: type[Section]) -> Path | Section:
    """Return the path of local data, or the content of a source file, one of `kinds`. Raises InputError."""
    path = Path(source)
    if not source.endswith(SOURCE_FILES):
        return path
    try:
        content = load_yaml(path)
    except (OSError, ValueError) as error:
        raise _refusal(path, "a YAML file", str(error)) from None
    keys = content if isinstance(content, dict) else {}
    first = {next(iter(kind.model_fields)): kind for kind in kinds}
    for key, kind in first.items():
        if key in keys:
            try:
                return kind.model_validate(content)
            except ValidationError as error:
                raise _refusal(path, f"the keys {', '.join(kind.model_fields)}", "; ".join(offenders(error))) from None
    raise _refusal(path, f"a file with the key {' or '.join(first)}", ", ".join(few([*keys])) or "none")


def _refusal(path: Path, expected: str, got: str) -> InputError:
    step = "fix the file; sources/ has examples, docs/datasets.md describes the keys"
    return InputError("cannot use the source file", expected=expected, got=got, file=path, next_step=step)
