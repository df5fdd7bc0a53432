"""Find the files of pictures and of masks, in two folders or in one that holds both.

In one folder, folders named after what they hold tell pictures from masks: train/images and train/masks,
images_prepped_train and annotations_prepped_train, JPEGImages and SegmentationClass, train and train_labels. Where
there are none, masks are the files of a mask's format whose names end with the mask suffix, and pictures all others.
"""

import errno
import os
import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sceneparse.core.errors import InputError
from sceneparse.core.listing import files_below
from sceneparse.dataset.suffixes import READ

IMAGES = READ
MASKS = (".png", ".bmp", ".tif", ".tiff", ".gif")  # of formats that lose nothing
LOSSY = (".jpg", ".jpeg")

_WORDS = {
    "mask": "masks?|labels?|lbls?|annotations?|annots?|anns?|gt|gtfine|ground_?truths?|segmentations?|segs?"
    "|segmentationclass|segmentation_class|targets?",
    "picture": "images?|imgs?|pictures?|pics?|photos?|jpegimages|leftimg8bit|rgb|inputs?",
}
_KINDS = {kind: re.compile(rf"(?<![a-z])({words})(?![a-z])", re.IGNORECASE) for kind, words in _WORDS.items()}
_ANNOT = re.compile("annot$", re.IGNORECASE)  # trainannot


class Found(NamedTuple):
    """A file: `path` is its name without suffixes, below the folder that was searched."""

    path: str
    file: Path

    @property
    def name(self) -> str:
        """The last part of it."""
        return PurePosixPath(self.path).name


def find_files(
    images: Path, masks: Path, image_suffix: str, mask_suffix: str, lossy: bool
) -> tuple[list[Found], list[Found]]:
    """Return pictures and masks whose names, before the dot, end with these suffixes; no file is both.

    Masks are JPEGs too if `lossy`, or where there are no others: then they are refused when they are read. Raises
    InputError for folders that cannot be read.
    """
    errors: list[OSError] = []
    listed = {folder: files_below(folder, errors) for folder in (images, masks)}
    errors += [_lost(file) for files in listed.values() for file in files if _leads_nowhere(file)]
    if errors:
        raise InputError(
            "a folder cannot be read",
            expected="a folder of pictures and a folder of masks, or one that holds both",
            got="; ".join(sorted({f"{error.filename}: {error.strerror}" for error in errors})),
            file=" and ".join(map(str, listed)),
            next_step="name the folders that hold pictures and masks, and make readable what is named",
        )
    pictures, annotated = ([(file.relative_to(at), file) for file in listed[at]] for at in (images, masks))
    apart = _real(images) != _real(masks)
    if not apart:
        by_kind = _by_kind(annotated)
        apart = bool(by_kind["mask"] and (by_kind["picture"] or by_kind[None]))
        if apart:
            pictures, annotated = by_kind["picture"] or by_kind[None], by_kind["mask"]
    chosen = _with(annotated, MASKS, mask_suffix)
    if lossy or (not chosen and (apart or mask_suffix)):
        chosen = _with(annotated, MASKS + LOSSY, mask_suffix)
    others = _with(pictures, IMAGES, image_suffix)
    # The folders may be one, or one in the other: the longer suffix tells more.
    if len(image_suffix) > len(mask_suffix):
        return others, _less(chosen, others)
    return _less(others, chosen), chosen


def _leads_nowhere(file: Path) -> bool:
    return file.suffix.lower() in ("", *IMAGES, *MASKS) and file.is_symlink() and not file.exists()


def _lost(link: Path) -> OSError:
    return OSError(errno.ENOENT, f"a link to {link.readlink()}, where nothing is", str(link))


def _with(files: list[tuple[Path, Path]], suffixes: tuple[str, ...], strip: str) -> list[Found]:
    """Files of these kinds, less what is to be stripped; of a name that is all stripped, its folder's remains."""
    kept = []
    for path, file in files:
        if path.suffix.lower() in suffixes and path.stem.endswith(strip):
            name = path.stem.removesuffix(strip)
            less = path.with_name(name) if name else path.parent
            if less.name:
                kept.append(Found(less.as_posix(), file))
    return kept


def _less(files: list[Found], taken: list[Found]) -> list[Found]:
    gone = {(_real(found.file.parent), found.file.name) for found in taken}
    return [found for found in files if (_real(found.file.parent), found.file.name) not in gone]


@cache
def _real(folder: Path) -> str:
    return os.path.realpath(folder)


def _by_kind(files: list[tuple[Path, Path]]) -> dict[str | None, list[tuple[Path, Path]]]:
    by_kind: dict[str | None, list[tuple[Path, Path]]] = {"mask": [], "picture": [], None: []}
    for path, file in files:
        kind, less = _kind(path)
        by_kind[kind].append((less, file))
    return by_kind


def _kind(path: Path) -> tuple[str | None, Path]:
    """What the innermost folder that has a word for it holds, and the path without that word."""
    folders = list(path.parts[:-1])
    for index in reversed(range(len(folders))):
        for kind, words in _KINDS.items():
            rest = words.sub("", folders[index])
            if kind == "mask":
                rest = _ANNOT.sub("", rest)
            if rest != folders[index]:
                folders[index] = rest.strip(" _-.")
                return kind, Path(*filter(None, folders), path.name)
    return None, path
