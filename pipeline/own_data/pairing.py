"""Two folders, of pictures and of masks -> pairs with an id and a split.

Both are searched with all that lies below. A name is a file's, less suffixes such as _leftImg8bit, and pairs have the
same one; where a name occurs in several folders, the folders' names belong to it. Invariant: which split a pair is in
by ratio depends on its own name and the seed alone.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from stages.data.archive import SPLITS
from stages.errors import InputError

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
MASKS = (".png", ".bmp", ".tif", ".tiff", ".gif")  # of formats that lose nothing
FOLDERS = {"train": 0, "training": 0, "val": 1, "valid": 1, "validation": 1}


@dataclass(frozen=True)
class Source:
    """A picture with its mask; `path` is the name with its folders, relative to that of the pictures."""

    id: str
    path: str
    image: Path
    mask: Path


@dataclass(frozen=True)
class Splitting:
    """How pairs are dealt out: one of the three is given."""

    lists: Sequence[Path] | None  # of training and validation
    share: float | None
    folders: Sequence[str] | None  # of training and validation; empty = the usual names
    seed: int


class Found(NamedTuple):
    """A file: `path` is its name without suffixes, below the folder that was searched."""

    path: str
    file: Path

    @property
    def name(self) -> str:
        """The last part of it."""
        return PurePosixPath(self.path).name


def find_pairs(
    images: Path, masks: Path, image_suffix: str, mask_suffix: str, unpaired: bool
) -> tuple[list[Source], list[Path]]:
    """All pairs in order of their names, and the files that have no partner (`unpaired`: whether that is allowed)."""
    annotated = _files(masks, MASKS, mask_suffix)
    taken = {one.file.absolute() for one in annotated}  # the folders may be one, or one in the other
    pictures = [one for one in _files(images, IMAGES, image_suffix) if one.file.absolute() not in taken]
    with_folders = any(len({one.name for one in found}) < len(found) for found in (pictures, annotated))
    problems: list[str] = []
    partners = [_by_name(found, with_folders, problems) for found in (pictures, annotated)]
    both = sorted(partners[0].keys() & partners[1].keys())
    alone = [found[name].file for found in partners for name in sorted(found.keys() - set(both))]
    problems += [] if unpaired else [f"{file}: no partner" for file in alone]
    pairs = [
        Source(name.replace("/", "_"), partners[0][name].path, partners[0][name].file, partners[1][name].file)
        for name in both
    ]
    ids = Counter(pair.id for pair in pairs)
    problems += [f"{pair.image}: another picture would be called {pair.id} too" for pair in pairs if ids[pair.id] > 1]
    if problems or not pairs:
        raise InputError(
            "pictures and masks make no pairs",
            expected=f"the same names in both, before {image_suffix!r} and {mask_suffix!r}; masks: {', '.join(MASKS)}",
            got="\n    ".join([f"{len(pictures)} pictures, {len(annotated)} masks, {len(pairs)} pairs", *problems]),
            file=f"{images} and {masks}",
            next_step="give --image-suffix and --mask-suffix, or --unpaired skip to leave out what has no partner",
        )
    return pairs, alone


def _files(folder: Path, suffixes: tuple[str, ...], strip: str) -> list[Found]:
    """All files of these kinds whose names, before the dot, end with what is to be stripped."""
    files = (file for file in sorted(folder.rglob("*")) if file.suffix.lower() in suffixes and file.name[0] != ".")
    return [
        Found(file.relative_to(folder).with_name(file.stem.removesuffix(strip)).as_posix(), file)
        for file in files
        if file.stem.endswith(strip) and file.stem != strip
    ]


def _by_name(found: list[Found], with_folders: bool, problems: list[str]) -> dict[str, Found]:
    named: dict[str, Found] = {}
    for one in found:
        name = one.path if with_folders else one.name
        if named.setdefault(name, one) is not one:
            problems.append(f"{one.file}: the same name as {named[name].file}")
    return named


def deal_out(pairs: Sequence[Source], how: Splitting, image_suffix: str) -> tuple[dict[str, list[Source]], int]:
    """The pairs of each split, and how many are in none. Raises InputError when a split stays empty."""
    if how.lists:
        chosen: list[int | None] = _by_lists(pairs, how.lists, image_suffix)
    elif how.share is not None:
        chosen = [int(_fraction(pair.path, how.seed) < how.share) for pair in pairs]
    else:
        if how.folders and len(how.folders) != 2:
            raise _no_splits("none or two folders", f"--folders {' '.join(how.folders)}", pairs[0].image)
        names = {name.lower(): number for number, name in enumerate(how.folders or ())} or FOLDERS
        chosen = [_by_folder(pair.path, names) for pair in pairs]
    dealt = {
        split: [pair for pair, number in zip(pairs, chosen, strict=True) if number == index]
        for index, split in enumerate(SPLITS)
    }
    if not all(dealt.values()):
        folders = sorted({str(PurePosixPath(pair.path).parent) for pair in pairs})
        counts = ", ".join(f"{len(found)} for {split}" for split, found in dealt.items())
        got = f"{counts}, of {len(pairs)} in the folders {', '.join(folders[:12])}"
        raise _no_splits("pairs for training and for validation", got, pairs[0].image)
    return dealt, chosen.count(None)


def _no_splits(expected: str, got: str, file: Path) -> InputError:
    step = "give other lists, another --share or --seed, or after --folders the names of two folders"
    return InputError("a split is empty", expected=expected, got=got, file=file, next_step=step)


def _fraction(name: str, seed: int) -> float:
    """0..1, evenly spread over names."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8]) / 2**64


def _by_folder(path: str, names: dict[str, int]) -> int | None:
    """By the first of its folders that has one of the names."""
    return next((names[part.lower()] for part in PurePosixPath(path).parts[:-1] if part.lower() in names), None)


def _by_lists(pairs: Sequence[Source], lists: Sequence[Path], image_suffix: str) -> list[int | None]:
    """By two text files, a name a line: with or without folders and suffixes."""
    indices: dict[str, list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        for name in {pair.path, PurePosixPath(pair.path).name}:
            indices[name].append(index)
    chosen: list[int | None] = [None] * len(pairs)
    problems = []
    for number, file in enumerate(lists):
        try:
            lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{file}: {error}")
            continue
        for line in filter(None, lines):
            known = PurePosixPath(line).suffix.lower() in IMAGES
            path = (str(PurePosixPath(line).with_suffix("")) if known else line).removesuffix(image_suffix).lstrip("./")
            matches = indices.get(path) or indices.get(PurePosixPath(path).name, [])
            if len(matches) != 1:
                problems.append(f"{file}: {line}: {len(matches) or 'no'} pairs of this name")
            elif chosen[matches[0]] not in (None, number):
                problems.append(f"{file}: {line}: in the other list too")
            else:
                chosen[matches[0]] = number
    if problems:
        raise InputError(
            "the lists and the pairs do not fit",
            expected="UTF-8, the name of a pair on each line, none in both lists",
            got="\n    ".join(["", *problems]),
            file=" and ".join(map(str, lists)),
            next_step="mend the lines named",
        )
    return chosen
