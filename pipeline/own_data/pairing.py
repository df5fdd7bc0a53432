"""Two folders, of pictures and of masks -> pairs with an id.

Both are searched with all that lies below. A name is a file's, less suffixes such as _leftImg8bit, and pairs have the
same one; where a name occurs in several folders, the folders' names belong to it.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from stages.data.suffixes import READ, ignored_pictures, listed
from stages.errors import InputError

IMAGES = READ
MASKS = (".png", ".bmp", ".tif", ".tiff", ".gif")  # of formats that lose nothing


@dataclass(frozen=True)
class Source:
    """A picture with its mask; `path` is the name with its folders, relative to that of the pictures."""

    id: str
    path: str
    image: Path
    mask: Path


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
    errors: list[OSError] = []
    annotated = _files(masks, MASKS, mask_suffix, errors)
    taken = {one.file.absolute() for one in annotated}  # the folders may be one, or one in the other
    pictures = [one for one in _files(images, IMAGES, image_suffix, errors) if one.file.absolute() not in taken]
    if errors:
        raise InputError(
            "a folder cannot be read",
            expected="a folder of pictures and a folder of masks",
            got="; ".join(sorted({f"{error.filename}: {error.strerror}" for error in errors})),
            file=f"{images} and {masks}",
            next_step="name the folders that hold pictures and masks, and make readable what is named",
        )
    with_folders = any(len({one.name for one in found}) < len(found) for found in (pictures, annotated))
    problems: list[str] = []
    partners = [_by_name(found, with_folders, problems) for found in (pictures, annotated)]
    both = sorted(partners[0].keys() & partners[1].keys())
    alone = [found[name].file for found in partners for name in sorted(found.keys() - set(both))]
    if not both:  # no name is the one that is missing: one file of each kind shows how they differ
        problems += [f"such as {found[0].file}" for found in (pictures, annotated) if found]
    elif not unpaired:
        problems += [f"{file}: no partner" for file in alone]
    pairs = [
        Source(name.replace("/", "_"), partners[0][name].path, partners[0][name].file, partners[1][name].file)
        for name in both
    ]
    ids = Counter(pair.id for pair in pairs)
    problems += [f"{pair.image}: another picture would be called {pair.id} too" for pair in pairs if ids[pair.id] > 1]
    if problems or not pairs:
        less = f", less {image_suffix!r} and {mask_suffix!r}" if image_suffix or mask_suffix else ""
        if ignored := ignored_pictures(file for _, _, files in os.walk(images) for file in files):
            problems.append(f"{images}: ignored, as they cannot be read: {listed(ignored)}")
        step = "mend what is named; --unpaired skip leaves out what has no partner"
        raise InputError(
            "not all pictures and masks make pairs" if pairs else "pictures and masks make no pairs",
            expected=f"the same names in both{less}; masks: {', '.join(MASKS)}",
            got="\n    ".join([f"{len(pictures)} pictures, {len(annotated)} masks, {len(pairs)} pairs", *problems]),
            file=f"{images} and {masks}",
            next_step=step if pairs else "give the folders of both, and --image-suffix and --mask-suffix",
        )
    return pairs, alone


def _files(folder: Path, suffixes: tuple[str, ...], strip: str, errors: list[OSError]) -> list[Found]:
    """All files of these kinds whose names, before the dot, end with what is to be stripped.

    `errors` gets what the folders refuse; glob would pass over them.
    """
    walk = os.walk(folder, onerror=errors.append)
    found = sorted(Path(place, name) for place, _, names in walk for name in names if name[0] != ".")
    files = (file for file in found if file.suffix.lower() in suffixes)
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
