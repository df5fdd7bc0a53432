"""Convert the dataset's archive into checked, resized, sharded TFRecords and their manifest.

Every pair is checked (readable, 8-bit L annotation, equal sizes, values 0..N); if any fails, all faulty pairs are
listed and nothing is written. A disk without room for all records is refused before the first one is written. Records
keep the archive's order for any number of processes, so the same archive and params give the same bytes.
"""

from collections import Counter
from pathlib import Path
from typing import Protocol

import numpy as np

from sceneparse.core.disk_space import check_space
from sceneparse.core.errors import InputError
from sceneparse.core.files import atomic_directory, file_digest
from sceneparse.core.parallel import in_order
from sceneparse.core.progress import progress
from sceneparse.dataset.ade20k import COLOURS
from sceneparse.dataset.archive import Archive
from sceneparse.dataset.layout import SPLITS
from sceneparse.dataset.photos import LOST
from sceneparse.dataset.suffixes import listed
from sceneparse.params.flags import run_stage
from sceneparse.params.prepare import Prepare
from sceneparse.records.manifest import Manifest, Shard, Split
from stages.prepare.encode import Encoded, Work, encode_pairs, signature
from stages.prepare.executor import open_executor

CHUNK = 16  # pairs per task: enough to hide the overhead of a task, few enough for a smooth progress bar


class Sections(Protocol):
    """Sections of the params that stage prepare reads."""

    prepare: Prepare


def prepare(params: Sections, dataset: Path, records: Path) -> None:
    """Write the directory `records` from the zip `dataset`.

    Raises InputError listing every faulty pair, and TransientError if the disk has too little space.
    """
    with Archive(dataset) as archive:
        classes, colours = archive.classes, _colours(params.prepare, archive)
        pairs = {split: archive.pairs(split) for split in SPLITS}
        ignored = archive.ignored_pictures()
    images = sum(map(len, pairs.values()))
    problems: list[str] = []
    lost: Counter[str] = Counter()
    splits: dict[str, Split] = {}
    source, signed, room = dataset.absolute(), signature(dataset), Room(records, images)
    with (
        atomic_directory(records) as directory,
        open_executor(source) as (pool, at_once),
        progress(total=images, unit="image", desc="prepare") as bar,
    ):
        for split in SPLITS:
            writer = SplitWriter(directory, split, len(pairs[split]), params.prepare.shard_images, len(classes))
            chunks = (pairs[split][start : start + CHUNK] for start in range(0, len(pairs[split]), CHUNK))
            tasks = (Work(source, signed, chunk, params.prepare) for chunk in chunks)
            for encoded in in_order(pool, encode_pairs, tasks, ahead=4 * at_once):
                room.check(encoded.records, directory)
                writer.add(encoded)
                problems += encoded.problems
                lost += encoded.lost
                bar.update(len(encoded.records) + len(encoded.problems))
            splits[split] = writer.finish([pair.id for pair in pairs[split]])
        if problems:
            raise InputError(
                f"{len(problems)} of {images} pairs cannot be used",
                expected=f"readable pictures with 8-bit L annotations of the same size, values 0..{len(classes)}",
                got="\n".join(["", *problems]),
                file=dataset,
                next_step="fix or remove these pairs in the dataset, then run again",
            )
        section = params.prepare
        Manifest(classes, section.size, section.mode, section.interpolation, **splits, colours=colours).save(directory)
    if ignored:
        print(f"ignored, as only .jpg, .jpeg and .png are read: {listed(ignored)}")
    for kind, count in sorted(lost.items()):
        print(f"{count} of {images} pictures: {LOST[kind]}")


def _colours(params: Prepare, archive: Archive) -> tuple[str, ...]:
    """Return the classes' colours. Raises InputError if ADE20K's colours are set for another number of classes."""
    if params.colours == "dataset":
        return archive.colours
    if len(archive.classes) != len(COLOURS):
        raise InputError(
            "ADE20K's colours do not fit this dataset",
            expected=f"{len(COLOURS)} classes",
            got=f"{len(archive.classes)} classes",
            file=archive.path,
            next_step="set prepare.colours to dataset; the class table may have a column Colour",
        )
    return COLOURS


class Room:
    """Space on the disk of `target` for the records of `images` pairs, each as large as the mean of those so far."""

    def __init__(self, target: Path, images: int) -> None:
        self._target, self._images = target, images
        self._records = self._bytes = 0

    def check(self, records: list[bytes], directory: Path) -> None:
        """Count the next records, and raise TransientError if the disk cannot take what `directory` lacks."""
        self._records += len(records)
        self._bytes += sum(map(len, records))
        if self._records:
            written = sum(path.stat().st_size for path in directory.iterdir())
            check_space(self._target, self._bytes * self._images // self._records - written)


class SplitWriter:
    """Writer of a split's records into shards of equal size; counts its label pixels."""

    def __init__(self, directory: Path, split: str, images: int, shard_images: int, classes: int) -> None:
        self._name = f"{split}-{{:05d}}-of-{-(-images // shard_images):05d}.tfrecord"
        self._directory, self._shard_images = directory, shard_images
        self._pending: list[bytes] = []
        self._shards: list[Shard] = []
        self._label_pixels = np.zeros(classes + 1, np.int64)

    def add(self, encoded: Encoded) -> None:
        """Add the split's next records; write each shard once it is full."""
        self._pending += encoded.records
        self._label_pixels += encoded.label_pixels[: len(self._label_pixels)]
        while len(self._pending) >= self._shard_images:
            self._write()

    def finish(self, ids: list[str]) -> Split:
        """Write the last, smaller shard and return the split's entry for the manifest."""
        if self._pending:
            self._write()
        return Split(tuple(ids), tuple(map(int, self._label_pixels)), tuple(self._shards))

    def _write(self) -> None:
        path = self._directory / self._name.format(len(self._shards))
        path.write_bytes(b"".join(self._pending[: self._shard_images]))
        self._shards.append(Shard(path.name, len(self._pending[: self._shard_images]), file_digest(path)))
        del self._pending[: self._shard_images]


def main() -> None:
    """Run the stage from the command line."""
    run_stage(
        prepare,
        reads={"dataset": "dataset archive (zip in ADE20K's layout)"},
        writes={"records": "directory for TFRecord shards and manifest.json"},
    )
