"""prepare: dataset archive -> checked, resized, sharded TFRecords and their manifest.

Every pair is validated (readable, 8-bit L annotation, equal sizes, values 0..N); if any fails,
all offenders are listed and nothing is written. Records come in the archive's order, whatever
the number of processes, so the same archive and params give the same bytes.
"""

import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from stages.data.archive import SPLITS, Archive, Pair
from stages.data.images import decode_annotation, decode_resized, encode_annotation, fit, fit_pair, picture_size
from stages.data.manifest import Manifest, Shard, Split
from stages.data.records import encode_example, frame
from stages.errors import InputError
from stages.files import atomic_directory, file_digest
from stages.flags import run_stage
from stages.params import Params, Prepare

CHUNK = 16  # pairs per task: long enough to hide the hand-over, short enough for a smooth progress bar

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Encoded:
    """What a worker makes of a chunk: framed records, pixels per annotation value, and what was wrong."""

    records: list[bytes]
    label_pixels: npt.NDArray[np.int64]
    problems: list[str]


def prepare(params: Params, dataset: Path, records: Path) -> None:
    """Write `records` (a directory) from `dataset` (a zip); raises InputError listing every bad pair."""
    with Archive(dataset) as archive:
        classes = archive.classes
        pairs = {split: archive.pairs(split) for split in SPLITS}
    images = sum(map(len, pairs.values()))
    problems: list[str] = []
    splits: dict[str, Split] = {}
    # spawn: forking a process that has threads (progress bars have one) can deadlock.
    with (
        atomic_directory(records) as directory,
        ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool,
        tqdm(total=images, unit="image", desc="prepare") as progress,
    ):
        for split in SPLITS:
            writer = SplitWriter(directory, split, len(pairs[split]), params.prepare.shard_images, len(classes))
            chunks = (pairs[split][start : start + CHUNK] for start in range(0, len(pairs[split]), CHUNK))
            tasks = ((dataset, chunk, params.prepare) for chunk in chunks)
            for encoded in in_order(pool, encode_pairs, tasks, ahead=32):
                writer.add(encoded)
                problems += encoded.problems
                progress.update(len(encoded.records) + len(encoded.problems))
            splits[split] = writer.finish([pair.id for pair in pairs[split]])
        if problems:
            raise InputError(
                f"{len(problems)} of {images} pairs cannot be used",
                expected=f"readable pictures with 8-bit L annotations of the same size, values 0..{len(classes)}",
                got="\n    ".join(["", *problems]),
                file=dataset,
                next_step="mend or remove these pairs in the dataset, then run again",
            )
        Manifest(classes, params.prepare.size, params.prepare.mode, **splits).save(directory)


class SplitWriter:
    """Cuts a split's stream of records into shards of equal size and counts what passes."""

    def __init__(self, directory: Path, split: str, images: int, shard_images: int, classes: int) -> None:
        self._name = f"{split}-{{:05d}}-of-{-(-images // shard_images):05d}.tfrecord"
        self._directory, self._shard_images = directory, shard_images
        self._pending: list[bytes] = []
        self._shards: list[Shard] = []
        self._label_pixels = np.zeros(classes + 1, np.int64)

    def add(self, encoded: Encoded) -> None:
        """Take the next records of the split; write a shard whenever one is full."""
        self._pending += encoded.records
        self._label_pixels += encoded.label_pixels[: len(self._label_pixels)]
        while len(self._pending) >= self._shard_images:
            self._write()

    def finish(self, ids: list[str]) -> Split:
        """Write the last, smaller shard; returns what the manifest says of the split."""
        if self._pending:
            self._write()
        return Split(tuple(ids), tuple(map(int, self._label_pixels)), tuple(self._shards))

    def _write(self) -> None:
        path = self._directory / self._name.format(len(self._shards))
        path.write_bytes(b"".join(self._pending[: self._shard_images]))
        self._shards.append(Shard(path.name, len(self._pending[: self._shard_images]), file_digest(path)))
        del self._pending[: self._shard_images]


def in_order(pool: Executor, function: Callable[[Task], Result], tasks: Iterable[Task], ahead: int) -> Iterator[Result]:
    """Results in the order of the tasks, at most `ahead` of them in flight: memory does not grow with the tasks."""
    waiting: deque[Future[Result]] = deque()
    for task in tasks:
        waiting.append(pool.submit(function, task))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def encode_pairs(task: tuple[Path, tuple[Pair, ...], Prepare]) -> Encoded:
    """Worker: read, check, resize and encode some pairs of an archive."""
    dataset, pairs, params = task
    archive = _open_archive(dataset)
    encoded = Encoded([], np.zeros(256, np.int64), [])
    for pair in pairs:
        try:
            record, histogram = encode_pair(archive, pair, params)
        except (OSError, ValueError, SyntaxError, InputError) as error:  # SyntaxError: Pillow, on a broken PNG
            encoded.problems.append(f"{pair.id}: {error}")
        else:
            encoded.records.append(record)
            encoded.label_pixels[:] += histogram
    return encoded


def encode_pair(archive: Archive, pair: Pair, params: Prepare) -> tuple[bytes, list[int]]:
    """One framed record, and its annotation's histogram (256 counts). Raises ValueError saying what is wrong."""
    size = params.size
    content = archive.read(pair.image)
    annotation = decode_annotation(archive.read(pair.annotation))
    if picture_size(content) != annotation.size:
        raise ValueError(f"image is {picture_size(content)} but annotation {annotation.size} pixels (width, height)")
    values = np.asarray(annotation)
    if values.max() > len(archive.classes):
        above = [int(value) for value in np.unique(values) if value > len(archive.classes)]
        raise ValueError(f"annotation values above the {len(archive.classes)} classes: {above}")
    where = fit(*annotation.size, size, params.mode)
    image = decode_resized(content, where.width, where.height)
    image, resized = fit_pair(image, annotation, where, size)
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=params.jpeg_quality)
    width, height = annotation.size
    example = encode_example(pair.id, jpeg.getvalue(), encode_annotation(resized), height, width)
    return frame(example), resized.histogram()


@lru_cache(maxsize=1)  # once per process: reading ADE20K's central directory takes longer than a chunk
def _open_archive(dataset: Path) -> Archive:
    return Archive(dataset)


def main() -> None:
    """Parse flags and run."""
    run_stage(
        prepare,
        reads={"dataset": "dataset archive (zip in ADE20K's layout)"},
        writes={"records": "directory of TFRecord shards and manifest.json"},
    )


if __name__ == "__main__":
    main()
