"""Reader of datasets in ADE20K's layout (layout.py): a zip, which is never unpacked, or a directory.

N and the class names come from the archive, so any dataset in this layout works. `Archive` accepts only a valid
layout and class table; `Dataset` opens a faulty one too, so that checks can report every fault. Hidden files and
folders (such as macOS's `._ID.jpg`) are ignored, IDs are normalised to NFC (an accent and its letter are one
character), and backslashes in a zip's names, which some Windows programs write, count as slashes. No member is read
beyond its kind's limit, whatever size its header declares.
"""

import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Self

from sceneparse.core.errors import InputError
from sceneparse.core.zip_reading import read_member, zip_errors
from sceneparse.dataset.class_table import class_colours, parse_class_table
from sceneparse.dataset.dataset_folder import list_files, read_file, unopened
from sceneparse.dataset.layout import CLASS_TABLE, IMAGE_SUFFIXES, LAYOUT, SCENES, SPLITS, most_bytes, root_of
from sceneparse.dataset.suffixes import ignored_pictures, listed

SHOWN = 5  # folders in an error


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

    `tables`: members with the class table's name, one in a valid dataset; `root`: folder that holds the layout;
    `other_roots`: further folders that hold pictures in this layout, none in a valid dataset.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._open = path, ExitStack()
        readers: list[tuple[str, Callable[[int], bytes]]]  # a member's name, and how to read at most so many bytes
        try:
            if path.is_dir():
                readers = [(name, partial(read_file, file)) for name, file in sorted(list_files(path).items())]
            else:
                with zip_errors():
                    archive = self._open.enter_context(zipfile.ZipFile(path))
                names = archive.namelist()
                readers = [(name.replace("\\", "/"), partial(read_member, archive, name)) for name in names]
        except (OSError, ValueError) as error:
            raise unopened(path, str(error)) from None
        self._readers = dict(readers)
        self.members = [name for name, _ in readers if not _is_hidden(name)]
        self.tables = [name for name in self.members if PurePosixPath(name).name == CLASS_TABLE]
        roots = dict.fromkeys(root for name in self.members if (root := root_of(name)) is not None)
        self.root = self.tables[0].removesuffix(CLASS_TABLE) if len(self.tables) == 1 else next(iter(roots), "")
        self.other_roots = tuple(sorted(roots.keys() - {self.root}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def content(self, member: str) -> bytes:
        """Return the member's bytes, checked against the zip's CRC-32. Raises ValueError, also for too many of them."""
        if member not in self._readers:
            raise ValueError(f"there is no {member}")
        try:
            return self._readers[member](most_bytes(member))
        except OSError as error:
            raise ValueError(str(error)) from None

    def read(self, member: str) -> bytes:
        """Return the member's bytes like `content`, but raise InputError."""
        try:
            return self.content(member)
        except ValueError as error:
            raise self.unreadable(member, error) from None

    def unreadable(self, member: str, error: ValueError) -> InputError:
        """Return the error for a member that cannot be read or decoded."""
        return self._refusal(f"cannot read {member}", "a file that is whole, and of its kind", str(error))

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
            lines = self.read(member).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise self._refusal(f"cannot read {member}", "UTF-8", str(error)) from None
        ids = {_id(name) for name in self.members if name.startswith(f"{self.root}images/")}
        return dict(_scene(line.strip(), ids) for line in lines if len(line.split()) > 1)

    def _by_id(self, folder: str, suffixes: tuple[str, ...]) -> tuple[dict[str, str], list[str]]:
        inside = (name for name in self.members if name.startswith(folder))
        members = [name for name in inside if PurePosixPath(name).suffix.lower() in suffixes]
        by_id = {_id(name): name for name in members}
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
        if self.other_roots:
            raise self._refusal(
                "pictures lie outside of the folder with the class table",
                f"images/, annotations/ and {CLASS_TABLE} in one folder",
                f"{self.tables[0]}, and pictures in {', '.join(root or './' for root in self.other_roots[:SHOWN])}",
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


def _id(member: str) -> str:
    return unicodedata.normalize("NFC", PurePosixPath(member).stem)


def _scene(line: str, ids: set[str]) -> tuple[str, str]:
    """Return id and category of a line of two words or more; an id may have blanks, as that of a picture has."""
    blanks = (at for at, character in enumerate(line) if character.isspace())
    found = [at for at in blanks if unicodedata.normalize("NFC", line[:at]) in ids]
    id, category = (line[: found[-1]], line[found[-1] :]) if found else line.split(maxsplit=1)
    return unicodedata.normalize("NFC", id), category.strip()
