"""Two folders, of pictures and of masks -> pairs with an id.

Both are searched with all that lies below. A name is a file's, less suffixes such as _leftImg8bit, and pairs have the
same one; where a name occurs in several folders, the folders' names belong to it. Accents are compared as one
character (NFC); names without partner are compared once more without regard to capitals and to a picture's suffix in
them, as of a.jpg and a.jpg.png.
"""

import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sceneparse.convert.picture_files import IMAGES, LOSSY, MASKS, Found, find_files
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
    images: Path, masks: Path, image_suffix: str, mask_suffix: str, unpaired: bool, lossy: bool = False
) -> tuple[list[Source], list[Path]]:
    """All pairs in order of their names, and the files that have no partner (`unpaired`: whether that is allowed)."""
    pictures, annotated = find_files(images, masks, image_suffix, mask_suffix, lossy)
    with_folders = any(len({found.name for found in some}) < len(some) for some in (pictures, annotated))
    problems: list[str] = []
    partners = [_by_name(some, with_folders, problems) for some in (pictures, annotated)]
    both = _matched(*partners)
    paired = {file for pair in both for file in pair}
    alone = [some[name].file for some in partners for name in sorted(some) if some[name] not in paired]
    if not both:  # no name is the one that is missing: one file of each kind shows how they differ
        problems += [f"such as {some[0].file}" for some in (pictures, annotated) if some]
    elif not unpaired:
        problems += [f"{file}: no partner" for file in alone]
    pairs = [
        Source((image.path if with_folders else image.name).replace("/", "_"), image.path, image.file, mask.file)
        for image, mask in both
    ]
    ids = Counter(pair.id for pair in pairs)
    problems += [f"{pair.image}: another picture would be called {pair.id} too" for pair in pairs if ids[pair.id] > 1]
    if problems or not pairs:
        less = f", less {image_suffix!r} and {mask_suffix!r}" if image_suffix or mask_suffix else ""
        if ignored := ignored_pictures(files_below(images, [])):
            problems.append(f"{images}: ignored, as they cannot be read: {listed(ignored)}")
        step = "mend what is named; --unpaired skip leaves out what has no partner"
        if not pairs:
            step = "name the folder of pictures and that of masks, and give --image-suffix and --mask-suffix"
        if len(annotated) > len(pictures) > 0:
            step += "; where a picture has a mask for each of its objects, paint them into one, or name their "
            step += "only class in the class table, beside --background, which unites them"
        raise InputError(
            "not all pictures and masks make pairs" if pairs else "pictures and masks make no pairs",
            expected=f"the same names in both{less}; masks: {', '.join(MASKS + LOSSY if lossy else MASKS)}",
            got="\n    ".join([f"{len(pictures)} pictures, {len(annotated)} masks, {len(pairs)} pairs", *problems]),
            file=" and ".join(dict.fromkeys(map(str, (images, masks)))),
            next_step=step,
        )
    return pairs, alone


def _by_name(files: list[Found], with_folders: bool, problems: list[str]) -> dict[str, Found]:
    named: dict[str, Found] = {}
    for file in files:
        name = unicodedata.normalize("NFC", file.path if with_folders else file.name)
        if named.setdefault(name, file) is not file:
            problems.append(f"{file.file}: the same name as {named[name].file}")
    return named


def _matched(pictures: dict[str, Found], masks: dict[str, Found]) -> list[tuple[Found, Found]]:
    """Pairs in order of the pictures' names: of the same name, then of names that are alike."""
    pairs = {name: masks[name] for name in pictures if name in masks}
    rest: list[dict[str, list[str]]] = [{}, {}]
    for alike, named in zip(rest, (pictures, masks), strict=True):
        for name in named.keys() - pairs.keys():
            alike.setdefault(_alike(name), []).append(name)
    for key, names in rest[0].items():
        others = rest[1].get(key, [])
        if len(names) == len(others) == 1:
            pairs[names[0]] = masks[others[0]]
    return [(pictures[name], pairs[name]) for name in sorted(pairs)]


def _alike(name: str) -> str:
    """The name without a picture's suffix in it and without capitals."""
    path = PurePosixPath(name)
    return (str(path.with_suffix("")) if path.suffix.lower() in IMAGES else name).casefold()
