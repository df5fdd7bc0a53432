"""Find the files of pictures and of masks, in two folders or in one that holds both.

In one folder, words in the names of folders tell pictures from masks: train/images and train/masks,
images_prepped_train and annotations_prepped_train, JPEGImages and SegmentationClass, train and train_labels. Without
such words, masks are the files of a mask's format whose names end with the mask suffix, and pictures all others.
"""

import errno
import os
import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from sceneparse.convert.convert_options import ConvertOptions
from sceneparse.core.errors import InputError
from sceneparse.core.listing import files_below
from sceneparse.dataset.suffixes import READ

IMAGES = READ
MASKS = (".png", ".bmp", ".tif", ".tiff", ".gif")  # lossless formats
LOSSY = (".jpg", ".jpeg")

_WORDS = {
    "mask": "masks?|labels?|lbls?|annotations?|annots?|anns?|gt|gtfine|ground_?truths?|segmentations?|segs?"
    "|segmentationclass|segmentation_class|targets?",
    "picture": "images?|imgs?|pictures?|pics?|photos?|jpegimages|leftimg8bit|rgb|inputs?",
}
_KINDS = {kind: re.compile(rf"(?<![a-z])({words})(?![a-z])", re.IGNORECASE) for kind, words in _WORDS.items()}
_ANNOT = re.compile("annot$", re.IGNORECASE)  # trainannot

Listed = list[tuple[Path, Path]]  # a file's path below the folder that was searched, and the file


class NamedFile(NamedTuple):
    """A file; `path` is its name without suffixes, below the folder that was searched."""

    path: str
    file: Path

    @property
    def name(self) -> str:
        """Last part of the path."""
        return PurePosixPath(self.path).name


def find_files(options: ConvertOptions) -> tuple[list[NamedFile], list[NamedFile]]:
    """Return pictures and masks whose names, before the dot, end with the suffixes asked for; no file is both.

    JPEGs are masks if that is allowed, or if there are no others: then reading them refuses them. Raises InputError for
    folders that cannot be read.
    """
    images, masks = options.images, options.masks
    image_suffix, mask_suffix = options.image_suffix, options.mask_suffix
    errors: list[OSError] = []
    listed = {folder: files_below(folder, errors) for folder in (images, masks)}
    errors += [
        OSError(errno.ENOENT, f"a link to {file.readlink()}, where nothing is", str(file))
        for file in {file for files in listed.values() for file in files}
        if file.suffix.lower() in ("", *IMAGES, *MASKS) and file.is_symlink() and not file.exists()
    ]
    if errors:
        raise InputError(
            "a folder cannot be read",
            expected="a folder of pictures and a folder of masks, or one that holds both",
            got="; ".join(sorted({f"{error.filename}: {error.strerror}" for error in errors})),
            file=" and ".join(map(str, listed)),
            next_step="name the folders that hold pictures and masks, and make readable what is named",
        )
    pictures, annotated = ([(file.relative_to(folder), file) for file in listed[folder]] for folder in (images, masks))
    apart = _real(images) != _real(masks)
    if not apart:
        by_kind = _by_kind(annotated)
        apart = bool(by_kind["mask"] and (by_kind["picture"] or by_kind[None]))
        if apart:
            pictures, annotated = by_kind["picture"] or by_kind[None], by_kind["mask"]
    chosen = with_suffix(annotated, MASKS, mask_suffix)
    if options.tolerance is not None or (not chosen and (apart or mask_suffix)):
        chosen = with_suffix(annotated, MASKS + LOSSY, mask_suffix)
    others = with_suffix(pictures, IMAGES, image_suffix)
    # Both folders may be one, or one may hold the other: the longer suffix decides.
    if len(image_suffix) > len(mask_suffix):
        return others, _without(chosen, others)
    return _without(others, chosen), chosen


def with_suffix(files: Listed, kinds: tuple[str, ...], suffix: str) -> list[NamedFile]:
    """Return the files of these kinds whose names end with a suffix, without it; a bare suffix becomes its folder."""
    matching = []
    for path, file in files:
        if path.suffix.lower() in kinds and path.stem.endswith(suffix):
            name = path.stem.removesuffix(suffix)
            short = path.with_name(name) if name else path.parent
            if short.name:
                matching.append(NamedFile(short.as_posix(), file))
    return matching


def _without(files: list[NamedFile], taken: list[NamedFile]) -> list[NamedFile]:
    gone = {(_real(each.file.parent), each.file.name) for each in taken}
    return [each for each in files if (_real(each.file.parent), each.file.name) not in gone]


@cache
def _real(folder: Path) -> str:
    return os.path.realpath(folder)


def _by_kind(files: Listed) -> dict[str | None, Listed]:
    by_kind: dict[str | None, Listed] = {"mask": [], "picture": [], None: []}
    for path, file in files:
        kind, short = _kind(path)
        by_kind[kind].append((short, file))
    return by_kind


def _kind(path: Path) -> tuple[str | None, Path]:
    """Return what the innermost folder with a word for it holds, and the path without that word."""
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
