"""Content of annotation files, whatever their format: pictures with the shapes drawn on them.

The reader of a format makes an Album; matching.py finds the pictures that it names; `draw` makes their annotations.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from pydantic import ValidationError

from sceneparse.convert.annotations.regions import Mask, Region, size_text
from sceneparse.convert.hints import UnfitError, misfit
from sceneparse.convert.mask_legend import Legend
from sceneparse.convert.masks import Notes, annotate
from sceneparse.convert.pairing import Source
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.pairs import DAMAGE
from sceneparse.dataset.photos import Size, picture_sizes
from sceneparse.dataset.picture_formats import open_picture, read_picture

MOST_ERRORS = 5  # of a file, in a message
OUTSIDE = "shapes outside their picture"
UNCLAIMED = 255  # no class has this number
OVERLAP = "pixels that two masks claim: the class that is later in the table has them"


class Shape(NamedTuple):
    """A region with its label, as `spelled` returns it; `kind` is a word for it: polygon, rectangle, mask …"""

    label: str
    kind: str
    region: Region


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture of an annotation file: its name there, its width and height or None, its shapes, lowest first."""

    name: str
    file: Path
    size: Size | None
    shapes: tuple[Shape, ...]
    subset: str = ""  # train, val …, if the file has it
    exclusive: bool = False  # shapes must not overlap, and are drawn in the order of classes


@dataclass(frozen=True, eq=False)
class Album:
    """All drawings of a file.

    `classes`: the names that the file lists, or (); `notes`: lines for the user, with counts.
    """

    drawings: tuple[Drawing, ...]
    classes: tuple[str, ...] = ()
    notes: Counter[str] = field(default_factory=Counter)

    def labels(self) -> Counter[str]:
        """Count the shapes of each label."""
        return Counter(shape.label for drawing in self.drawings for shape in drawing.shapes)


@dataclass(frozen=True)
class Drawn(Source):
    """A picture with its drawing; `mask` is the file that holds the drawing."""

    drawing: Drawing


def label_classes(sources: Sequence[Source], legend: Legend) -> list[frozenset[int]] | None:
    """Return the annotation values of each pair's labels but 0; None if only reading the masks can tell."""
    numbers = dict(legend.labels)
    drawings = [source.drawing for source in sources if isinstance(source, Drawn) and not source.drawing.exclusive]
    if len(drawings) < len(sources):
        return None
    return [
        frozenset({legend.background, *(numbers.get(shape.label, 0) for shape in drawing.shapes)} - {0})
        for drawing in drawings
    ]


def merge(albums: Iterable[Album]) -> Album:
    """Make one album of several; classes keep their order."""
    albums = list(albums)
    notes: Counter[str] = Counter()
    for album in albums:
        notes.update(album.notes)
    classes = dict.fromkeys(name for album in albums for name in album.classes)
    return Album(tuple(drawing for album in albums for drawing in album.drawings), tuple(classes), notes)


def explain(error: ValueError | OverflowError) -> str:
    """Describe an error, and its place in the file, in a line."""
    if not isinstance(error, ValidationError):
        return str(error)
    errors = error.errors(include_url=False, include_input=False)
    lines = [f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in errors[:MOST_ERRORS]]
    more = f"; and {len(errors) - MOST_ERRORS} more" if len(errors) > MOST_ERRORS else ""
    return "; ".join(lines) + more


def annotate_source(source: Source, legend: Legend, tolerance: int | None) -> tuple[Pixels, Notes]:
    """Make the annotation of a pair, uint8 [H, W], from its mask or its drawing, and notes.

    Raises OSError and ValueError for a damaged file, and UnfitError for a mask or shapes that do not fit the picture.
    """
    if not isinstance(source, Drawn):
        return annotate(source.mask, legend, tolerance)
    size = _annotated_size(read_picture(source.image), source.drawing)
    try:
        annotation, lines = draw(source.drawing, legend, size)
    except UnfitError:
        raise
    except ValueError as error:
        raise UnfitError("shapes", str(error)) from None
    return annotation, Notes(annotation.size, drawn=lines)


def _annotated_size(content: bytes, drawing: Drawing) -> Size:
    """Return a picture's size as its drawing sees it: as stored, or upright if that is its mask files' size."""
    stored, upright, _ = picture_sizes(content)
    files = (shape.region.file for shape in drawing.shapes if isinstance(shape.region, Mask))
    first = next(filter(None, files), None)
    with suppress(*DAMAGE):  # reading the mask will tell
        if first and open_picture(read_picture(first)).size == upright:
            return upright
    return stored


def draw(drawing: Drawing, legend: Legend, size: Size) -> tuple[Pixels, dict[str, int]]:
    """Draw the annotation of a picture of this width and height, uint8 [H, W]; return lines for the user, with counts.

    A label that the legend lacks becomes 0. Raises ValueError if shapes do not fit, and UnfitError if the file and the
    picture have other sizes. Exchanged width and height mean a turn in the picture's EXIF: the file's size counts.
    """
    if drawing.size and drawing.size not in (size, size[::-1]):
        sizes = f"drawn on {size_text(drawing.size)} pixels, but the picture has {size_text(size)}"
        raise misfit(size, drawing.size, sizes)
    size = drawing.size or size
    numbers = dict(legend.labels)
    shapes = [(numbers.get(shape.label, 0), shape.region) for shape in drawing.shapes]
    if drawing.exclusive:
        masks = [(number, region) for number, region in shapes if isinstance(region, Mask)]
        return _stacked(masks, legend.background, size)
    canvas = Image.new("L", size, legend.background)
    outside = sum(not region.paint(canvas, number) for number, region in shapes)
    return np.array(canvas), {OUTSIDE: outside}


def _stacked(masks: list[tuple[int, Mask]], background: int, size: Size) -> tuple[Pixels, dict[str, int]]:
    """Put masks upon one another in the order of their numbers, and count the pixels that two of them claim."""
    annotation = np.full(size[::-1], background, np.uint8)
    claimed = np.full(size[::-1], UNCLAIMED, np.uint8)
    overlap = 0
    for number, mask in sorted(masks, key=lambda numbered: numbered[0]):
        bits = mask.decode(size)
        overlap += int((bits & (claimed != UNCLAIMED) & (claimed != number)).sum())
        annotation[bits] = claimed[bits] = number
    return annotation, {OVERLAP: overlap}
