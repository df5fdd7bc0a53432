"""Pairs of a dataset -> what is wrong with them, and what there is to count: the part of a check that takes time.

Runs in a worker. Everything that prepare would refuse is found, by the same code, and what only matters later.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sceneparse.convert.findings import Finding
from sceneparse.dataset.archive import Dataset, Pair
from sceneparse.dataset.labels import MAX_CLASSES
from sceneparse.dataset.pairs import DAMAGE, check_pair
from sceneparse.dataset.photos import Size, decode, picture_sizes


@dataclass(frozen=True)
class Look:
    """A pair to look at, and how many classes its dataset has, if that is known."""

    dataset: Path
    pair: Pair
    classes: int | None


@dataclass
class Seen:
    """What some pairs of a split hold.

    `values`: pixels by annotation value, int64 [256]; `digests`: of pixels; `pictures`: members by what is to say of
    them, a kind of finding; `brightest`: the highest value in the pixels of 16-bit pictures, 0 where there is none.
    """

    findings: list[Finding] = field(default_factory=list)
    values: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    sizes: list[Size] = field(default_factory=list)
    digests: list[tuple[str, bytes]] = field(default_factory=list)
    pictures: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    brightest: int = 0
    pairs: int = 0
    gray: int = 0

    def add(self, other: "Seen") -> None:
        """Take what more pairs hold."""
        self.findings += other.findings
        self.values += other.values
        self.sizes += other.sizes
        self.digests += other.digests
        for kind, members in other.pictures.items():
            self.pictures[kind] += members
        self.brightest = max(self.brightest, other.brightest)
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
            beside = None if checked.annotation is None else checked.annotation.size
            _look_at_image(checked.image, pair.image, beside, seen)
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


def _look_at_image(content: bytes, member: str, beside: Size | None, seen: Seen) -> None:
    decoded, sizes = decode(content, beside), picture_sizes(content)
    pixels = decoded.image
    seen.sizes.append(pixels.size)
    digest = hashlib.blake2b(repr(pixels.size).encode(), digest_size=16)
    digest.update(pixels.tobytes())
    seen.digests.append((member, digest.digest()))
    seen.gray += decoded.mode[:1] in ("L", "1", "I") and decoded.mode != "LAB"
    for kind in decoded.lost:
        seen.pictures[kind].append(member)
    if "depth" in decoded.lost:
        seen.brightest = max(seen.brightest, int(np.asarray(pixels).max()))
    if sizes.turned and sizes.stored == sizes.upright:
        seen.pictures["orientation"].append(member)
    elif sizes.turned and beside == sizes.stored:
        seen.pictures["as_stored"].append(member)


@lru_cache(maxsize=1)  # reading ADE20K's central directory takes longer than a chunk; other bytes are another dataset
def _opened(path: Path, _modified_ns: int, _size: int) -> Dataset:
    return Dataset(path)
