"""Files of pictures and of masks -> pairs with an id.

A name is a file's, less suffixes such as _leftImg8bit, and a pair is two files of the same name; if a name occurs in
several folders, the folders' names belong to it. Accents are compared as one character (NFC). Names without partner
are compared once more, without regard to capitals and to a picture's suffix inside the name, as in a.jpg and a.jpg.png.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sceneparse.convert.convert_options import ConvertOptions
from sceneparse.convert.picture_files import IMAGES, LOSSY, MASKS, NamedFile
from sceneparse.core.errors import InputError
from sceneparse.core.listing import files_below
from sceneparse.dataset.suffixes import ignored_pictures, listed


@dataclass(frozen=True)
class Source:
    """A picture with its mask; `path` is the name with its folders, relative to that of the pictures."""

    id: str
    path: str
    image: Path
    mask: Path


def find_pairs(
    pictures: list[NamedFile], masks: list[NamedFile], options: ConvertOptions
) -> tuple[list[Source], list[Path]]:
    """Return all pairs in order of their names, and the files without partner. Raises InputError."""
    with_folders = any(len({each.name for each in files}) < len(files) for files in (pictures, masks))
    problems: list[str] = []
    named = [_by_name(files, with_folders, problems) for files in (pictures, masks)]
    matches = _matched(*named)
    paired = {file for match in matches for file in match}
    alone = [files[name].file for files in named for name in sorted(files) if files[name] not in paired]
    if not matches:  # all names differ: one file of each kind shows how
        problems += [f"such as {files[0].file}" for files in (pictures, masks) if files]
    elif not options.skip_unpaired:
        problems += [f"{file}: no partner" for file in alone]
    pairs = [
        Source((image.path if with_folders else image.name).replace("/", "_"), image.path, image.file, mask.file)
        for image, mask in matches
    ]
    problems += repeated_ids(pairs)
    if problems or not pairs:
        suffixes = f"{options.image_suffix!r} and {options.mask_suffix!r}"
        kinds = MASKS if options.tolerance is None else MASKS + LOSSY
        less = f", less {suffixes}" if options.image_suffix or options.mask_suffix else ""
        if ignored := ignored_pictures(files_below(options.images, [])):
            problems.append(f"{options.images}: ignored, as they cannot be read: {listed(ignored)}")
        step = "fix the files named; --unpaired skip leaves out those without partner"
        if not pairs:
            step = "name the folder of pictures and that of masks, and give --image-suffix and --mask-suffix"
        if len(masks) > len(pictures) > 0:
            step += "; if a picture has a mask for each of its objects, paint them into one, or name their "
            step += "only class in the class table, beside --background, which unites them"
        raise InputError(
            "not all pictures and masks make pairs" if pairs else "pictures and masks make no pairs",
            expected=f"the same names in both{less}; masks: {', '.join(kinds)}",
            got="\n    ".join([f"{len(pictures)} pictures, {len(masks)} masks, {len(pairs)} pairs", *problems]),
            file=" and ".join(dict.fromkeys(map(str, (options.images, options.masks)))),
            next_step=step,
        )
    return pairs, alone


def repeated_ids(pairs: Sequence[Source]) -> list[str]:
    """Return a line for each pair whose id another one has."""
    ids = Counter(pair.id for pair in pairs)
    return [f"{pair.image}: another picture would be called {pair.id} too" for pair in pairs if ids[pair.id] > 1]


def _by_name(files: list[NamedFile], with_folders: bool, problems: list[str]) -> dict[str, NamedFile]:
    named: dict[str, NamedFile] = {}
    for file in files:
        name = unicodedata.normalize("NFC", file.path if with_folders else file.name)
        if named.setdefault(name, file) is not file:
            problems.append(f"{file.file}: the same name as {named[name].file}")
    return named


def _matched(pictures: dict[str, NamedFile], masks: dict[str, NamedFile]) -> list[tuple[NamedFile, NamedFile]]:
    """Return pairs in order of the pictures' names: first of equal names, then of similar ones."""
    pairs = {name: masks[name] for name in pictures if name in masks}
    rest: list[dict[str, list[str]]] = [{}, {}]
    for similar, named in zip(rest, (pictures, masks), strict=True):
        for name in named.keys() - pairs.keys():
            similar.setdefault(_simple(name), []).append(name)
    for key, names in rest[0].items():
        others = rest[1].get(key, [])
        if len(names) == len(others) == 1:
            pairs[names[0]] = masks[others[0]]
    return [(pictures[name], pairs[name]) for name in sorted(pairs)]


def _simple(name: str) -> str:
    """Return the name in lower case, without a picture's suffix inside it."""
    path = PurePosixPath(name)
    return (str(path.with_suffix("")) if path.suffix.lower() in IMAGES else name).casefold()
