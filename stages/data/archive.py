"""An ADE20K-style dataset, read straight from its zip: the archive is never unpacked.

Layout, below one folder of any name (or none), as in ADEChallengeData2016.zip:
    images/{training,validation}/ID.jpg       RGB or grayscale picture
    annotations/{training,validation}/ID.png  8-bit L, same size: 0 = other, 1..N = classes
    objectInfo150.txt                         tab-separated, columns Idx and Name at least; N rows
    sceneCategories.txt                       optional: "ID category" per line
N and the class names come from the archive, so any dataset in this layout works.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from stages.data.labels import MAX_CLASSES
from stages.errors import InputError

SPLITS = ("training", "validation")
CLASS_TABLE = "objectInfo150.txt"
SCENES = "sceneCategories.txt"
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
LAYOUT = "images/SPLIT/ID.jpg and annotations/SPLIT/ID.png, see stages/data/archive.py"


@dataclass(frozen=True)
class Pair:
    """A picture and its annotation: member names inside the archive."""

    id: str
    image: str
    annotation: str


class Archive:
    """Opens a dataset zip; raises InputError when it is not one. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(
                "the dataset archive cannot be opened",
                expected="a complete zip file",
                got=str(error),
                file=path,
                next_step="run the download stage again: dvc repro --force download",
            ) from None
        self._members = self._zip.namelist()
        tables = [name for name in self._members if PurePosixPath(name).name == CLASS_TABLE]
        if len(tables) != 1:
            raise self._refusal("the archive's class table", f"one {CLASS_TABLE}", f"{len(tables)} of them")
        self._root = tables[0].removesuffix(CLASS_TABLE)
        self.classes: tuple[str, ...] = parse_class_table(self.read(tables[0]), f"{path}:{tables[0]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def read(self, member: str) -> bytes:
        """The member's bytes, checked against the zip's own CRC-32."""
        try:
            return self._zip.read(member)
        except (KeyError, zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
            raise self._refusal(f"a member of the archive: {member}", "readable bytes", str(error)) from None

    def pairs(self, split: str) -> tuple[Pair, ...]:
        """All pairs of a split, in order of their ids. Raises InputError naming every picture without a partner."""
        images = self._by_id(f"{self._root}images/{split}/", IMAGE_SUFFIXES)
        annotations = self._by_id(f"{self._root}annotations/{split}/", (".png",))
        alone = sorted(images.keys() ^ annotations.keys())
        if alone or not images:
            got = f"{len(images)} images, {len(annotations)} annotations; without a partner: {', '.join(alone) or '-'}"
            raise self._refusal(f"the {split} split", LAYOUT, got)
        return tuple(Pair(id, images[id], annotations[id]) for id in sorted(images))

    def scenes(self) -> dict[str, str]:
        """Scene category of each id; empty when the archive has none."""
        member = self._root + SCENES
        if member not in self._members:
            return {}
        rows = (line.split(maxsplit=1) for line in self.read(member).decode().splitlines())
        return {row[0]: row[1] for row in rows if len(row) == 2}

    def _by_id(self, folder: str, suffixes: tuple[str, ...]) -> dict[str, str]:
        inside = (PurePosixPath(name) for name in self._members if name.startswith(folder))
        members = [path for path in inside if path.suffix.lower() in suffixes]
        by_id = {path.stem: str(path) for path in members}
        if len(by_id) != len(members):
            raise self._refusal(f"the folder {folder}", "one file per id", f"{len(members)} files, {len(by_id)} ids")
        return by_id

    def _refusal(self, problem: str, expected: str, got: str) -> InputError:
        step = "check the dataset's layout against stages/data/archive.py, or download it again"
        return InputError(problem, expected=expected, got=got, file=self.path, next_step=step)


def parse_class_table(content: bytes, source: str) -> tuple[str, ...]:
    """Names of classes 1..N from an objectInfo150.txt: the first of each row's synonyms."""
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter="\t"))
        numbers = [int(row["Idx"]) for row in rows]
        names = tuple(row["Name"].split(",")[0].strip() for row in rows)
        valid = numbers == list(range(1, len(rows) + 1)) and 1 <= len(rows) <= MAX_CLASSES and all(names)
        got = f"rows numbered {_shortened(numbers)}"
    except (KeyError, ValueError, AttributeError, TypeError, csv.Error) as error:
        valid, got = False, f"a row that cannot be read ({error!r})"
    if not valid:
        raise InputError(
            "the class table is not valid",
            expected=f"tab-separated columns Idx and Name, rows numbered 1..N, N at most {MAX_CLASSES}",
            got=got,
            file=source,
            next_step="write it like ADE20K's objectInfo150.txt",
        )
    return names


def _shortened(numbers: Iterable[int]) -> str:
    text = ", ".join(map(str, numbers))
    return text if len(text) < 80 else text[:80] + "…"
