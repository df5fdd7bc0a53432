"""Manifest beside the shards: what the records hold, and the digests that show that they are whole.

A TFRecord file that is empty, or cut between two records, raises nothing when it is read, so
`open_records` checks every shard's digest before the first batch.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sceneparse.core.errors import InputError
from sceneparse.core.files import file_digest, write_json

MANIFEST = "manifest.json"
RERUN = "run the prepare stage again: dvc repro --force prepare"


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
        write_json(directory / MANIFEST, content)


def open_records(directory: Path) -> Manifest:
    """Read the manifest and check every shard against it. Raises InputError naming every bad shard."""
    path = directory / MANIFEST
    try:
        content = json.loads(path.read_text())
        manifest = Manifest(
            tuple(content["classes"]),
            content["size"],
            content["mode"],
            content["interpolation"],
            _split(content["training"]),
            _split(content["validation"]),
            tuple(content.get("colours", ())),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "the records have no valid manifest", expected=MANIFEST, got=repr(error), file=path, next_step=RERUN
        ) from None
    shards = (*manifest.training.shards, *manifest.validation.shards)
    bad = [shard.file for shard in shards if not _whole(directory / shard.file, shard.digest)]
    if bad:
        raise InputError(
            "records are missing or damaged",
            expected="shards with the manifest's digests",
            got=f"{len(bad)} of {len(shards)} differ: {', '.join(bad)}",
            file=directory,
            next_step=RERUN,
        )
    return manifest


def _split(content: dict[str, Any]) -> Split:
    shards = tuple(Shard(**shard) for shard in content["shards"])
    return Split(tuple(content["ids"]), tuple(content["label_pixels"]), shards)


def _whole(path: Path, digest: str) -> bool:
    return path.is_file() and file_digest(path) == digest
