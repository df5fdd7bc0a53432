"""Manifest beside the shards: what the records hold, and the digests that show that they are whole.

A TFRecord file that is empty, or cut between two records, raises nothing when it is read, so
`open_records` checks every shard's digest before the first batch. The manifest ends with a digest of itself.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sceneparse.core.errors import REPAIR, InputError
from sceneparse.core.fields import offenders
from sceneparse.core.files import json_text, matches_digest, write_text

MANIFEST = "manifest.json"
DIGEST = "digest"
RERUN = f"make the records again: {REPAIR}"


@dataclass(frozen=True)
class Shard:
    """One TFRecord file of a split."""

    file: str
    count: int
    digest: str


@dataclass(frozen=True)
class Split:
    """Records of a split, in the archive's order. label_pixels[v] counts annotation value v over them all."""

    ids: tuple[str, ...]
    label_pixels: tuple[int, ...]
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class Manifest:
    """Contents of a records directory. Pictures are size x size, fitted by `mode`, images with `interpolation`.

    `colours`: the dataset's own, #rrggbb of each class or '' for none; empty where it has none.
    """

    classes: tuple[str, ...]
    size: int
    mode: str
    interpolation: str
    training: Split
    validation: Split
    colours: tuple[str, ...] = ()

    def save(self, directory: Path) -> None:
        """Write the manifest into `directory`."""
        content = asdict(self)
        if not self.colours:
            del content["colours"]
        write_text(directory / MANIFEST, _sealed(content))


def _sealed(content: dict[str, Any]) -> str:
    """Return the manifest's text: its content, and a digest of that."""
    digest = hashlib.sha256(json_text(content).encode()).hexdigest()
    return json_text({**content, DIGEST: f"sha256:{digest}"})


def _parse(text: str) -> Manifest:
    """Return the manifest. Raises ValueError if any character of it has changed."""
    content = json.loads(text)
    if not isinstance(content, dict) or DIGEST not in content:
        raise ValueError("no digest of itself: another version of this project wrote it, or it is damaged")
    del content[DIGEST]
    if _sealed(content) != text:
        raise ValueError("it has changed since prepare wrote it: its digest is another")
    return TypeAdapter(Manifest).validate_python(content)


def open_records(directory: Path) -> Manifest:
    """Read the manifest and check every shard against it. Raises InputError naming every bad shard."""
    path = directory / MANIFEST
    try:
        manifest = _parse(path.read_bytes().decode())
    except (OSError, ValueError, RecursionError) as error:
        got = "; ".join(offenders(error)) if isinstance(error, ValidationError) else str(error)
        raise InputError(
            "the records have no valid manifest", expected=MANIFEST, got=got, file=path, next_step=RERUN
        ) from None
    shards = {
        directory / shard.file: shard.digest
        for split in (manifest.training, manifest.validation)
        for shard in split.shards
    }
    bad = [path.name for path, digest in shards.items() if not (path.is_file() and matches_digest(path, digest))]
    if bad:
        raise InputError(
            "records are missing or damaged",
            expected="shards with the manifest's digests",
            got=f"{len(bad)} of {len(shards)} differ: {', '.join(bad)}",
            file=directory,
            next_step=RERUN,
        )
    return manifest
