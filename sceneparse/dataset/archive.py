"""Reader of datasets in ADE20K's layout: a zip, which is never unpacked, or a directory.

Layout, below one folder of any name (or none), as in ADEChallengeData2016.zip:
    images/{training,validation}/ID.jpg       RGB or grayscale picture
    annotations/{training,validation}/ID.png  8-bit L, same size: 0 = other, 1..N = classes
    objectInfo150.txt                         tab-separated, columns Idx and Name at least; N rows
    sceneCategories.txt                       optional: "ID category" per line
N and the class names come from the archive, so any dataset in this layout works. `Archive` accepts only a valid
layout and class table; `Dataset` opens a faulty one too, so that checks can report every fault. Hidden files and
folders (such as macOS's `._ID.jpg`) are ignored, IDs are normalised to NFC (an accent and its letter are one
character), and backslashes in a zip's names, which some Windows programs write, count as slashes.
"""

import re
import unicodedata
import zipfile
import zlib
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
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
    """Member names of a picture and its annotation."""

    id: str
    image: str
    annotation: str


@dataclass(frozen=True)
class SplitMembers:
    """Pairs of a split and its other members. Of several files with one id the last counts; `doubles` are the rest."""

    pairs: tuple[Pair, ...]
    images_alone: tuple[str, ...]
    annotations_alone: tuple[str, ...]
    doubles: tuple[str, ...]


class Dataset:
    """Zip or directory that may be a dataset. Use as a context manager. Raises InputError if it cannot be opened.

    `tables`: members with the class table's name, one in a valid dataset; `root`: folder that holds the layout.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._open = path, ExitStack()
        try:
            if path.is_dir():
                readers = [(name, partial(_read, file)) for name, file in sorted(_files(path).items())]
            else:
                archive = self._open.enter_context(zipfile.ZipFile(path))
                readers = [(name.replace("\\", "/"), partial(archive.read, name)) for name in archive.namelist()]
        except (zipfile.BadZipFile, OSError) as error:
            raise _unopened(path, str(error)) from None
        self._readers = dict(readers)
        self.members = [name for name, _ in readers if not _is_hidden(name)]
        self.tables = [name for name in self.members if PurePosixPath(name).name == CLASS_TABLE]
        if len(self.tables) == 1:
            self.root = self.tables[0].removesuffix(CLASS_TABLE)
        else:
            places = (PICTURE.match(name) for name in self.members)
            self.root = next((place["root"] for place in places if place), "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def content(self, member: str) -> bytes:
        """Return the member's bytes, checked against the zip's CRC-32. Raises ValueError."""
        try:
            return self._readers[member]()
        except (KeyError, zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
            raise ValueError(str(error)) from None

    def read(self, member: str) -> bytes:
        """Return the member's bytes like `content`, but raise InputError."""
        try:
            return self.content(member)
        except ValueError as error:
            raise self._refusal(f"cannot read {member}", "readable bytes", str(error)) from None

    def split(self, split: str) -> SplitMembers:
        """Return the split's pairs, sorted by id, and its unpaired members."""
        images, image_doubles = self._by_id(f"{self.root}images/{split}/", IMAGE_SUFFIXES)
        annotations, annotation_doubles = self._by_id(f"{self.root}annotations/{split}/", (".png",))
        return SplitMembers(
            tuple(Pair(id, images[id], annotations[id]) for id in sorted(images.keys() & annotations.keys())),
            tuple(images[id] for id in sorted(images.keys() - annotations.keys())),
            tuple(annotations[id] for id in sorted(annotations.keys() - images.keys())),
            (*image_doubles, *annotation_doubles),
        )

    def ignored_pictures(self) -> Counter[str]:
        """Count the dataset's pictures of formats that are not read, such as .heic, by suffix."""
        folders = tuple(f"{self.root}images/{split}/" for split in SPLITS)
        return ignored_pictures((name for name in self.members if name.startswith(folders)), IMAGE_SUFFIXES)

    def scenes(self) -> dict[str, str]:
        """Return the scene category of each id; empty without a sceneCategories.txt. Raises InputError."""
        member = self.root + SCENES
        if member not in self.members:
            return {}
        try:
            lines = self.read(member).decode().splitlines()
        except UnicodeDecodeError as error:
            raise self._refusal(f"cannot read {member}", "UTF-8", str(error)) from None
        rows = (line.split(maxsplit=1) for line in lines)
        return {unicodedata.normalize("NFC", row[0]): row[1] for row in rows if len(row) == 2}

    def _by_id(self, folder: str, suffixes: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
        inside = (name for name in self.members if name.startswith(folder))
        members = [name for name in inside if PurePosixPath(name).suffix.lower() in suffixes]
        by_id = {unicodedata.normalize("NFC", PurePosixPath(name).stem): name for name in members}
        doubles = Counter(members) - Counter(by_id.values())  # a zip may hold two members with the same name
        return by_id, sorted(doubles.elements())

    def _refusal(self, problem: str, expected: str, got: str) -> InputError:
        step = "fix the dataset (sceneparse check lists every fault), or download it again"
        return InputError(problem, expected=expected, got=got, file=self.path, next_step=step)


class Archive(Dataset):
    """Dataset with a valid class table. Use as a context manager. Raises InputError."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if len(self.tables) != 1:
            raise self._refusal(
                "the dataset needs one class table", f"one {CLASS_TABLE}", f"{len(self.tables)} of them"
            )
        table = self.read(self.tables[0])
        self.classes: tuple[str, ...] = parse_class_table(table, f"{path}:{self.tables[0]}")
        self.colours: tuple[str, ...] = class_colours(table)

    def pairs(self, split: str) -> tuple[Pair, ...]:
        """Return all pairs of a split, sorted by id. Raises InputError naming every unpaired picture."""
        members = self.split(split)
        alone = sorted(PurePosixPath(member).stem for member in (*members.images_alone, *members.annotations_alone))
        if alone or members.doubles or not members.pairs:
            images, annotations = (
                len(members.pairs) + len(unpaired) for unpaired in (members.images_alone, members.annotations_alone)
            )
            got = f"{images} images, {annotations} annotations; without a partner: {', '.join(alone) or '-'}"
            got += f"; same id as another file: {', '.join(members.doubles)}" if members.doubles else ""
            got += f"; ignored: {listed(ignored)}" if (ignored := self.ignored_pictures()) else ""
            raise self._refusal(f"the {split} split is incomplete", LAYOUT, got)
        return members.pairs


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") and part.strip(".") for part in name.split("/"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        if path.is_symlink():
            raise OSError(f"a link to {path.readlink()}: {error.strerror}") from None
        raise


def dataset_files(folder: Path) -> dict[str, Path]:
    """Return the files of a dataset in `folder`, or in one folder below: member names -> paths.

    The class table tells where the dataset begins; without one, every folder with the layout counts. Raises InputError
    for an unreadable folder or a dangling link.
    """
    try:
        paths = _files(folder)
        dangling = sorted(name for name, path in paths.items() if not path.is_file())
    except OSError as error:
        raise _unopened(folder, str(error)) from None
    if dangling:
        raise _unopened(folder, f"links that lead nowhere: {', '.join(dangling)}")
    return paths


def _files(folder: Path) -> dict[str, Path]:
    """Return the files like `dataset_files`, including dangling links. Raises OSError."""
    candidates = [folder, *(path for path in folder.iterdir() if path.name[0] != "." and path.is_dir())]
    tables = [place / CLASS_TABLE for place in candidates if _holds_table(place)]
    roots = [table.parent for table in tables] or candidates
    folders = (root / kind / split for root in roots for kind in ("images", "annotations") for split in SPLITS)
    # Not glob: it ignores a folder that it cannot read.
    entries = (path for place in folders if place.is_dir() for path in place.iterdir())
    pictures = (path for path in entries if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != ".")
    paths = (*tables, *(root / SCENES for root in roots), *pictures)
    return {path.relative_to(folder).as_posix(): path for path in paths if _is_file(path)}


def _holds_table(folder: Path) -> bool:
    try:
        return _is_file(folder / CLASS_TABLE)
    except PermissionError:  # such as lost+found; if no folder has a table, listing its pictures raises this again
        return False


def _is_file(path: Path) -> bool:
    """Return whether there is a file or a dangling link, which fails when it is read."""
    return (path.is_symlink() and not path.exists()) or path.is_file()


def _unopened(path: Path, got: str) -> InputError:
    return InputError(
        "the dataset cannot be opened",
        expected="a complete zip, or a readable directory",
        got=got,
        file=path,
        next_step="replace the zip, or fix the directory; if the download stage wrote it: dvc repro --force download",
    )
