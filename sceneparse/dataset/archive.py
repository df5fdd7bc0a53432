"""An ADE20K-style dataset, read straight from its zip (which is never unpacked), or from a directory.

Layout, below one folder of any name (or none), as in ADEChallengeData2016.zip:
    images/{training,validation}/ID.jpg       RGB or grayscale picture
    annotations/{training,validation}/ID.png  8-bit L, same size: 0 = other, 1..N = classes
    objectInfo150.txt                         tab-separated, columns Idx and Name at least; N rows
    sceneCategories.txt                       optional: "ID category" per line
N and the class names come from the archive, so any dataset in this layout works. Archive is a dataset whose
names and class table are right, or an InputError; Dataset says what is there, right or wrong. Hidden files and
folders (`._ID.jpg`, as macOS adds them) are no part of it, IDs are compared with accents as one character (NFC), and
backslashes in a zip's names, as some Windows programs write them, are slashes.
"""

import re
import unicodedata
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from sceneparse.core.errors import InputError
from sceneparse.dataset.class_table import class_colours, parse_class_table
from sceneparse.dataset.suffixes import ignored_pictures, listed

SPLITS = ("training", "validation")
CLASS_TABLE = "objectInfo150.txt"
SCENES = "sceneCategories.txt"
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
PICTURE = re.compile(f"(?P<root>(.*?/)?)(images|annotations)/({'|'.join(SPLITS)})/.")
LAYOUT = "images/SPLIT/ID.jpg and annotations/SPLIT/ID.png, see sceneparse/dataset/archive.py"


@dataclass(frozen=True)
class Pair:
    """A picture and its annotation: member names inside the archive."""

    id: str
    image: str
    annotation: str


@dataclass(frozen=True)
class SplitMembers:
    """What the members of a split make up. Of several files of one id the last one counts; `doubles` are the others."""

    pairs: tuple[Pair, ...]
    images_alone: tuple[str, ...]
    annotations_alone: tuple[str, ...]
    doubles: tuple[str, ...]


class Dataset:
    """A zip, or a directory, that may be a dataset. Use as a context manager. Raises InputError if it cannot be opened.

    `tables`: members of the class table's name, of which there should be one; `root`: what all members begin with.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = _Directory(path) if path.is_dir() else zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise _unopened(path, str(error)) from None
        stored = self._zip.namelist()
        named = [name.replace("\\", "/") for name in stored] if isinstance(self._zip, zipfile.ZipFile) else stored
        self._stored = dict(zip(named, stored, strict=True))
        self.members = [name for name in named if not is_hidden(name)]
        self.tables = [name for name in self.members if PurePosixPath(name).name == CLASS_TABLE]
        if len(self.tables) == 1:
            self.root = self.tables[0].removesuffix(CLASS_TABLE)
        else:
            places = (PICTURE.match(name) for name in self.members)
            self.root = next((place["root"] for place in places if place), "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def content(self, member: str) -> bytes:
        """The member's bytes, checked against the zip's own CRC-32. Raises ValueError."""
        try:
            return self._zip.read(self._stored.get(member, member))
        except (KeyError, zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
            raise ValueError(str(error)) from None

    def read(self, member: str) -> bytes:
        """The same, but raises InputError."""
        try:
            return self.content(member)
        except ValueError as error:
            raise self._refusal(f"a member of the archive: {member}", "readable bytes", str(error)) from None

    def split(self, split: str) -> SplitMembers:
        """The split's pairs, in order of their ids, and what makes no pair."""
        images, more = self._by_id(f"{self.root}images/{split}/", IMAGE_SUFFIXES)
        annotations, again = self._by_id(f"{self.root}annotations/{split}/", (".png",))
        return SplitMembers(
            tuple(Pair(id, images[id], annotations[id]) for id in sorted(images.keys() & annotations.keys())),
            tuple(images[id] for id in sorted(images.keys() - annotations.keys())),
            tuple(annotations[id] for id in sorted(annotations.keys() - images.keys())),
            (*more, *again),
        )

    def ignored_pictures(self) -> Counter[str]:
        """Count the zip's pictures that have no suffix of a dataset's, such as .heic, by suffix."""
        places = tuple(f"{self.root}images/{split}/" for split in SPLITS)
        return ignored_pictures((name for name in self.members if name.startswith(places)), IMAGE_SUFFIXES)

    def scenes(self) -> dict[str, str]:
        """Scene category of each id; empty when the archive has none. Raises InputError."""
        member = self.root + SCENES
        if member not in self.members:
            return {}
        try:
            lines = self.read(member).decode().splitlines()
        except UnicodeDecodeError as error:
            raise self._refusal(f"a member of the archive: {member}", "UTF-8", str(error)) from None
        rows = (line.split(maxsplit=1) for line in lines)
        return {unicodedata.normalize("NFC", row[0]): row[1] for row in rows if len(row) == 2}

    def _by_id(self, folder: str, suffixes: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
        inside = (name for name in self.members if name.startswith(folder))
        members = [name for name in inside if PurePosixPath(name).suffix.lower() in suffixes]
        by_id = {unicodedata.normalize("NFC", PurePosixPath(name).stem): name for name in members}
        again = Counter(members) - Counter(by_id.values())  # a zip may hold two members of one name
        return by_id, sorted(again.elements())

    def _refusal(self, problem: str, expected: str, got: str) -> InputError:
        step = "mend what is named (sceneparse check tells everything that is wrong), or download it again"
        return InputError(problem, expected=expected, got=got, file=self.path, next_step=step)


class Archive(Dataset):
    """Opens a dataset; raises InputError when it is not one. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if len(self.tables) != 1:
            raise self._refusal("the archive's class table", f"one {CLASS_TABLE}", f"{len(self.tables)} of them")
        table = self.read(self.tables[0])
        self.classes: tuple[str, ...] = parse_class_table(table, f"{path}:{self.tables[0]}")
        self.colours: tuple[str, ...] = class_colours(table)

    def pairs(self, split: str) -> tuple[Pair, ...]:
        """All pairs of a split, in order of their ids. Raises InputError naming every picture without a partner."""
        found = self.split(split)
        alone = sorted(PurePosixPath(member).stem for member in (*found.images_alone, *found.annotations_alone))
        if alone or found.doubles or not found.pairs:
            images, annotations = (len(found.pairs) + len(x) for x in (found.images_alone, found.annotations_alone))
            got = f"{images} images, {annotations} annotations; without a partner: {', '.join(alone) or '-'}"
            got += f"; of an id that another file has: {', '.join(found.doubles)}" if found.doubles else ""
            got += f"; ignored: {listed(ignored)}" if (ignored := self.ignored_pictures()) else ""
            raise self._refusal(f"the {split} split", LAYOUT, got)
        return found.pairs


def is_hidden(name: str) -> bool:
    """Tell whether a member, or a folder that it lies in, has a name that begins with a dot."""
    return any(part.startswith(".") and part.strip(".") for part in name.split("/"))


class _Directory:
    """Those files of a directory that make up a dataset, read as a ZipFile is."""

    def __init__(self, folder: Path) -> None:
        self._paths = _files(folder)

    def namelist(self) -> list[str]:
        return sorted(self._paths)

    def read(self, member: str) -> bytes:
        path = self._paths[member]
        try:
            return path.read_bytes()
        except OSError as error:
            if path.is_symlink():
                raise OSError(f"a link to {path.readlink()}: {error.strerror}") from None
            raise

    def close(self) -> None:
        """Nothing is open."""


def dataset_files(folder: Path) -> dict[str, Path]:
    """Member names, relative to `folder`, of a dataset that begins in it or in one folder below, and their paths.

    The class table tells where it begins; where there is none, all that lies in the layout counts. Raises InputError
    where a folder cannot be read, or a link leads nowhere.
    """
    try:
        paths = _files(folder)
        lost = sorted(name for name, path in paths.items() if not path.is_file())
    except OSError as error:
        raise _unopened(folder, str(error)) from None
    if lost:
        raise _unopened(folder, f"links that lead nowhere: {', '.join(lost)}")
    return paths


def _files(folder: Path) -> dict[str, Path]:
    """The same with links that lead nowhere. Raises OSError."""
    places = [folder, *(path for path in folder.iterdir() if path.name[0] != "." and path.is_dir())]
    tables = [place / CLASS_TABLE for place in places if _holds_table(place)]
    roots = [table.parent for table in tables] or places
    folders = (root / kind / split for root in roots for kind in ("images", "annotations") for split in SPLITS)
    # Not glob, which passes over a folder that cannot be read.
    listed = (path for place in folders if place.is_dir() for path in place.iterdir())
    pictures = (path for path in listed if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != ".")
    paths = (*tables, *(root / SCENES for root in roots), *pictures)
    return {path.relative_to(folder).as_posix(): path for path in paths if _is_file(path)}


def _holds_table(folder: Path) -> bool:
    try:
        return _is_file(folder / CLASS_TABLE)
    except PermissionError:  # of lost+found, say; without a table anywhere its pictures are looked for, and it is told
        return False


def _is_file(path: Path) -> bool:
    """Whether there is a file, or a link that leads nowhere: it is told when it is read."""
    return (path.is_symlink() and not path.exists()) or path.is_file()


def _unopened(path: Path, got: str) -> InputError:
    return InputError(
        "the dataset cannot be opened",
        expected="a complete zip file, or a directory that can be read with all below",
        got=got,
        file=path,
        next_step="give a whole zip, or mend the directory; where the download stage wrote it: "
        "dvc repro --force download",
    )
