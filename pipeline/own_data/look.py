"""Pairs of a dataset -> what is wrong with them, and what there is to count: the part of a check that takes time.

Runs in a worker. Everything that prepare would refuse is found, by the same code, and what only matters later.
"""

import hashlib
import io
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from pipeline.own_data.findings import Finding
from stages.data.archive import Dataset, Pair
from stages.data.checks import DAMAGE, check_pair
from stages.data.images import decode_image
from stages.data.labels import MAX_CLASSES

PLAIN = ("RGB", "L", "P", "1")  # modes that become RGB without loss


@dataclass(frozen=True)
class Look:
    """A pair to look at, and how many classes its dataset has, if that is known."""

    dataset: Path
    pair: Pair
    classes: int | None


@dataclass
class Seen:
    """What some pairs of a split hold. `values`: pixels by annotation value, int64 [256]; `digests`: of pixels."""

    findings: list[Finding] = field(default_factory=list)
    values: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    sizes: list[tuple[int, int]] = field(default_factory=list)
    digests: list[tuple[str, bytes]] = field(default_factory=list)
    pairs: int = 0
    gray: int = 0

    def add(self, other: "Seen") -> None:
        """Take what more pairs hold."""
        self.findings += other.findings
        self.values += other.values
        self.sizes += other.sizes
        self.digests += other.digests
        self.pairs += other.pairs
        self.gray += other.gray


def look_at(looks: tuple[Look, ...]) -> Seen:
    """Read, decode and count the pairs."""
    seen = Seen(pairs=len(looks))
    for look in looks:
        status = look.dataset.stat()
        _look(_opened(look.dataset, status.st_mtime_ns, status.st_size), look.pair, look.classes, seen)
    return seen


def _look(dataset: Dataset, pair: Pair, classes: int | None, seen: Seen) -> None:
    checked = check_pair(dataset, pair, classes)
    for kind, member, text in checked.problems:
        if kind != "values":  # told more exactly below
            seen.findings.append(Finding(kind, member, text))
    if checked.annotation is not None:
        values = np.array(checked.annotation.histogram())
        seen.values += values
        seen.findings += _of_values(values, pair.annotation, classes)
    if checked.image is not None and all(kind != "image_unreadable" for kind, _, _ in checked.problems):
        try:
            _look_at_image(checked.image, pair.image, seen)
        except DAMAGE as error:
            seen.findings.append(Finding("image_unreadable", pair.image, f"image: {error}"))


def _of_values(values: npt.NDArray[np.int64], member: str, classes: int | None) -> list[Finding]:
    found = []
    most = MAX_CLASSES if classes is None else classes
    above = [value for value in np.flatnonzero(values).tolist() if value > most]
    if 255 in above:
        found.append(Finding("value_255", member, f"{values[255] / values.sum():.1%} of its pixels"))
        above.remove(255)
    if above:
        found.append(Finding("values", member, f"above {most}: {', '.join(map(str, above))}"))
    if values[0] == values.sum():
        found.append(Finding("unlabelled", member, "0 everywhere"))
    return found


def _look_at_image(content: bytes, member: str, seen: Seen) -> None:
    pixels = decode_image(content)
    seen.sizes.append(pixels.size)
    digest = hashlib.blake2b(repr(pixels.size).encode(), digest_size=16)
    digest.update(pixels.tobytes())
    seen.digests.append((member, digest.digest()))
    with Image.open(io.BytesIO(content)) as header:
        seen.gray += header.mode in ("L", "1")
        if header.mode not in PLAIN:
            seen.findings.append(Finding("deep", member, f"mode {header.mode} becomes RGB"))
        try:
            turn = header.getexif().get(ExifTags.Base.Orientation, 1)
        except (*DAMAGE, struct.error):  # of metadata: no stage looks at it
            turn = 1
    if turn != 1:
        seen.findings.append(Finding("orientation", member, f"EXIF orientation {turn}"))


@lru_cache(maxsize=1)  # reading ADE20K's central directory takes longer than a chunk; other bytes are another dataset
def _opened(path: Path, _modified_ns: int, _size: int) -> Dataset:
    return Dataset(path)
