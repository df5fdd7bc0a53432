"""A mask for each class, or for each object of one class -> drawings of a picture's masks.

masks/NAME_class_road.png            RectLabel: the class is in the name
masks/NAME_road.png, NAME-road-2.png   a class of the table ends the name, with or without a number
masks/road/NAME.png                  a class of the table is the folder's name
NAME/images/NAME.png, NAME/masks/*.png   a folder for each picture, its masks are objects of the only class

Names match those of pictures and of classes whatever their capitals and the form of their accents.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from sceneparse.convert.annotations.album import Album, Drawing, Shape
from sceneparse.convert.annotations.regions import mask_file
from sceneparse.convert.mask_legend import Legend
from sceneparse.convert.picture_files import NamedFile
from sceneparse.convert.spelling import comparable, spelled
from sceneparse.core.errors import InputError

BRUSH = re.compile(r"task-\d+-annotation-\d+-by-.*-tag-.*-\d+$")  # Label Studio's 'Brush labels to PNG'
RECTLABEL = re.compile(r"(.+)_class_(.+)$")

Owner = tuple[NamedFile, str]  # a picture, and a label


def find_class_masks(
    pictures: Sequence[NamedFile], masks: Sequence[Path], folder: Path, legend: Legend | None, paired: bool
) -> tuple[Album, str, list[Path]] | None:
    """Return the drawings, how masks are named, and masks of no picture; None for masks of another kind.

    `legend`: of the class table; its labels but the background's may be in the names. `paired`: some masks have
    pictures' names.
    """
    known = _Pictures(pictures)
    numbers = legend.labels if legend else ()
    background = legend.background if legend else 0
    labels = tuple(label for label, number in numbers if number == 0 or number != background)
    classes = [label for label, number in numbers if number not in (0, background)]
    folders = {comparable(mask.parent.name) for mask in masks}
    if any(BRUSH.match(mask.stem) for mask in masks):
        raise InputError(
            "Label Studio's brush masks do not say which pictures they are of",
            expected="the project's JSON export, which has the same strokes, and the picture of each task",
            got=next(mask.name for mask in masks if BRUSH.match(mask.stem)),
            file=folder,
            next_step="export as 'JSON', and name that file in place of the folder",
        )
    ways: dict[str, Callable[[Path], Owner | None]] = {}
    if not paired:
        ways["masks with the class in their names"] = known.of_rectlabel
        ways["masks with the class at the end of their names"] = partial(known.of_end, labels)
    # The folder of a single class may hold masks of values as well: only a background tells.
    if len(folders) > 1 or (background and not folders.isdisjoint(map(comparable, labels))):
        ways["masks with a folder for each class"] = partial(known.of_folder, labels)
    if len(classes) == 1 and not paired:
        ways["masks with one per object"] = partial(known.of_object, classes[0])
    for kind, way in ways.items():
        owners = {mask: way(mask) for mask in masks}
        if any(owners.values()):
            return _album(owners), kind, [mask for mask, owner in owners.items() if owner is None]
    return None


def _album(owners: dict[Path, Owner | None]) -> Album:
    masks: dict[NamedFile, dict[Path, str]] = defaultdict(dict)
    for mask, owner in owners.items():
        if owner:
            masks[owner[0]][mask] = owner[1]
    drawings = []
    for picture, labels in masks.items():
        shapes = tuple(Shape(label, "mask", mask_file(mask)) for mask, label in labels.items())
        drawings.append(Drawing(str(picture.file.absolute()), next(iter(labels)), None, shapes, exclusive=True))
    return Album(tuple(drawings))


class _Pictures:
    """Pictures by their names, and by their folders."""

    def __init__(self, pictures: Sequence[NamedFile]) -> None:
        self._named: dict[str, list[NamedFile]] = defaultdict(list)
        self._above: dict[Path, list[NamedFile]] = defaultdict(list)
        for picture in pictures:
            self._named[comparable(picture.name)].append(picture)
            self._above[picture.file.absolute().parent.parent].append(picture)

    def of_rectlabel(self, mask: Path) -> Owner | None:
        match = RECTLABEL.match(mask.stem)
        return self._owner(match[1], spelled(match[2]), mask) if match else None

    def of_end(self, labels: tuple[str, ...], mask: Path) -> Owner | None:
        stem = comparable(mask.stem)
        for label in sorted(labels, key=len, reverse=True):
            match = re.match(rf"(.+?)[-_. ]+{re.escape(comparable(label))}([-_. ]*\d+)?$", stem)
            owner = match and self._owner(match[1], label, mask)
            if owner:
                return owner
        return None

    def of_folder(self, labels: tuple[str, ...], mask: Path) -> Owner | None:
        folder = comparable(mask.parent.name)
        label = next((label for label in labels if comparable(label) == folder), None)
        return self._owner(mask.stem, label, mask) if label else None

    def of_object(self, label: str, mask: Path) -> Owner | None:
        pictures = self._above.get(mask.absolute().parent.parent, [])
        return (pictures[0], label) if len(pictures) == 1 and pictures[0].file.parent != mask.parent else None

    def _owner(self, name: str, label: str, mask: Path) -> Owner | None:
        """Return the picture of this name and the label; the folders' names decide among several pictures."""
        pictures = self._named.get(comparable(name), [])
        if len(pictures) > 1:
            above = {*map(comparable, mask.parts[:-1])}
            pictures = [picture for picture in pictures if comparable(picture.file.parent.name) in above]
        return (pictures[0], label) if len(pictures) == 1 else None
