"""Pairs of a dataset -> findings about them, and counts: the part of a check that takes time. Runs in a worker.

It finds, by the same code, all that prepare would refuse, and oddities that matter only later.
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


@dataclass
class Contents:
    """Findings and counts of some pairs of a split.

    `values`: pixels by annotation value, int64 [256]; `shown`: annotations that have the value, likewise; `digests`: of
    pixels, by member; `pictures`: members by kind of finding; `brightest`: the highest value in the pixels of 16-bit
    pictures, 0 if there is none.
    """

    pairs: int = 0
    findings: list[Finding] = field(default_factory=list)
    values: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    shown: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    sizes: list[Size] = field(default_factory=list)
    digests: list[tuple[str, bytes]] = field(default_factory=list)
    pictures: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    brightest: int = 0
    gray: int = 0

    def add(self, other: "Contents") -> None:
        """Add the contents of further pairs."""
        for name in ("pairs", "findings", "values", "shown", "sizes", "digests", "gray"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for kind, members in other.pictures.items():
            self.pictures[kind] += members
        self.brightest = max(self.brightest, other.brightest)


def inspect_pairs(dataset: Path, classes: int | None, pairs: tuple[Pair, ...]) -> Contents:
    """Read, decode and count pairs; `classes`: how many the dataset has, if its table is right."""
    contents, status = Contents(len(pairs)), dataset.stat()
    for pair in pairs:
        _inspect(_opened(dataset, status.st_mtime_ns, status.st_size), pair, classes, contents)
    return contents


def _inspect(dataset: Dataset, pair: Pair, classes: int | None, contents: Contents) -> None:
    checked = check_pair(dataset, pair, classes)
    for kind, member, text in checked.problems:
        if kind != "values":  # _value_findings reports them in more detail
            contents.findings.append(Finding(kind, member, text))
    if checked.annotation is not None:
        values = np.array(checked.annotation.histogram())
        contents.values += values
        contents.shown += values > 0
        contents.findings += _value_findings(values, pair.annotation, classes)
    if checked.image is not None and all(kind != "image_unreadable" for kind, _, _ in checked.problems):
        try:
            annotated = None if checked.annotation is None else checked.annotation.size
            _inspect_picture(checked.image, pair.image, annotated, contents)
        except DAMAGE as error:
            contents.findings.append(Finding("image_unreadable", pair.image, f"image: {error}"))


def _value_findings(values: npt.NDArray[np.int64], member: str, classes: int | None) -> list[Finding]:
    findings = []
    most = MAX_CLASSES if classes is None else classes
    above = [value for value in np.flatnonzero(values).tolist() if value > most]
    if 255 in above:
        findings.append(Finding("value_255", member, f"{values[255] / values.sum():.1%} of its pixels"))
        above.remove(255)
    if above:
        findings.append(Finding("values", member, f"above {most}: {', '.join(map(str, above))}"))
    if values[0] == values.sum():
        findings.append(Finding("unlabelled", member, "0 everywhere"))
    return findings


def _inspect_picture(content: bytes, member: str, annotated: Size | None, contents: Contents) -> None:
    decoded, sizes = decode(content, annotated), picture_sizes(content)
    pixels = decoded.image
    contents.sizes.append(pixels.size)
    digest = hashlib.blake2b(repr(pixels.size).encode(), digest_size=16)
    digest.update(pixels.tobytes())
    contents.digests.append((member, digest.digest()))
    contents.gray += decoded.mode[:1] in ("L", "1", "I") and decoded.mode != "LAB"
    for kind in decoded.lost:
        contents.pictures[kind].append(member)
    if "depth" in decoded.lost:
        contents.brightest = max(contents.brightest, int(np.asarray(pixels).max()))
    if sizes.turned and sizes.stored == sizes.upright:
        contents.pictures["orientation"].append(member)
    elif sizes.turned and annotated == sizes.stored:
        contents.pictures["as_stored"].append(member)


@lru_cache(maxsize=1)  # reading ADE20K's central directory takes longer than a chunk; other bytes are another dataset
def _opened(path: Path, _modified_ns: int, _size: int) -> Dataset:
    return Dataset(path)
