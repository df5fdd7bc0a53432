"""An overlay as people read it: the classes' colours over the picture, the boundaries, and the names in large regions.

Input: a picture and its annotation. Output: a picture of the same size. Invariant: a name lies wholly inside its
region; a region too small for its name has none. Lines and letters grow with the picture, so that a photo of 4000
pixels, shown on a screen of 1500, has them as clear as a small one.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sceneparse.core.errors import printable
from sceneparse.dataset.images import Pixels
from sceneparse.predict.legend import font_for
from sceneparse.scores.overlays import outlined, overlay, shrink
from sceneparse.scores.palette import Colours

MAP = 256  # pixels of the longer side of the map in which regions and places for names are found
LINE = 1 / 1000  # width of a boundary, as a share of the picture's longer side
SMALLEST, LARGEST = 1 / 64, 1 / 24  # size of letters, as shares of the picture's longer side
LEGIBLE = 11  # pixels: the smallest size of letters in a small picture
MARGIN = 0.3  # around a name, in sizes of its letters
STROKE = 8  # size of letters over the width of their outline

Mask = npt.NDArray[np.bool_]


class Look(NamedTuple):
    """How overlays look: the colours' opacity, 0..1, and whether large regions have names."""

    opacity: float
    names: bool = False


class Place(NamedTuple):
    """Middle (x, y) of a free box inside a region of a map, and how often the box wanted goes into it each way."""

    middle: tuple[int, int]
    room: float


def draw_overlay(image: Pixels, annotation: Pixels, classes: tuple[str, ...], colours: Colours, look: Look) -> Pixels:
    """Return the overlay, RGB uint8 [H, W, 3], of a picture [H, W, 3] and its annotation [H, W]."""
    mixed = overlay(image, annotation, colours, look.opacity)
    drawn = outlined(mixed, annotation, max(1, round(max(annotation.shape) * LINE)))
    if look.names:
        write_names(drawn, annotation, classes)
    return drawn


def write_names(picture: Pixels, annotation: Pixels, classes: tuple[str, ...]) -> None:
    """Write the classes' names into the large regions of a picture, RGB uint8 [H, W, 3]; 'other' has no name."""
    small, longest = shrink(annotation, MAP), max(annotation.shape)
    scale = longest / max(small.shape)  # the picture's pixels for one of the map
    least = max(LEGIBLE, round(longest * SMALLEST))
    for value in np.unique(small[small > 0]).tolist():
        name = printable(classes[value - 1])
        left, top, right, bottom = font_for(name, least).getbbox(name, anchor="mm")
        margin = 2 * MARGIN * least
        box = (right - left + margin) / scale, (bottom - top + margin) / scale
        for (x, y), room in places(small == value, box):
            size = max(least, min(round(least * room), round(longest * LARGEST)))
            _write(picture, round((x + 0.5) * scale), round((y + 0.5) * scale), name, size)


def _write(picture: Pixels, x: int, y: int, text: str, size: int) -> None:
    """Write white letters with a black outline around (x, y)."""
    font, stroke = font_for(text, size), max(1, round(size / STROKE))
    left, top, right, bottom = map(round, font.getbbox(text, anchor="mm", stroke_width=stroke))
    # Only this part becomes a picture of Pillow's: the whole of a large photo would take gigabytes.
    part = picture[max(0, y + top - 1) : y + bottom + 1, max(0, x + left - 1) : x + right + 1]
    written = Image.fromarray(part)
    middle = min(x, 1 - left), min(y, 1 - top)
    ImageDraw.Draw(written).text(middle, text, "white", font, anchor="mm", stroke_width=stroke, stroke_fill="black")
    part[:] = np.asarray(written)


def places(mask: Mask, box: tuple[float, float]) -> Iterator[Place]:
    """Yield a place for a box of this width and height in each connected region of a mask [H, W] that has room for it.

    It is in the region's widest part: where the largest box of this shape fits.
    """
    while (place := _widest(mask, box)) is not None:
        yield place
        mask = mask & ~_region(mask, place.middle)


def _widest(mask: Mask, box: tuple[float, float]) -> Place | None:
    """Return the place of the largest box, of this shape and no smaller, inside a mask; None if none fits."""
    sums = np.pad(mask, ((1, 0), (1, 0))).cumsum(0, np.int32).cumsum(1, np.int32)  # of all above and to the left
    room, place = 1.0, None
    while True:
        width, height = (max(1, int(np.ceil(side * room))) for side in box)
        if width > mask.shape[1] or height > mask.shape[0]:
            return place
        inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
        tops, lefts = np.nonzero(inside == width * height)
        if not tops.size:
            return place
        central = np.hypot(tops - tops.mean(), lefts - lefts.mean()).argmin()
        place = Place((int(lefts[central] + width // 2), int(tops[central] + height // 2)), room)
        room *= 1.1


def _region(mask: Mask, inside: tuple[int, int]) -> Mask:
    """Return the connected region of a mask around a pixel (x, y) of it: grown from there, step by step."""
    region, grown = np.zeros_like(mask), np.zeros_like(mask)
    grown[inside[1], inside[0]] = True
    while not np.array_equal(region, grown):
        region = grown.copy()
        grown[1:] |= region[:-1]
        grown[:-1] |= region[1:]
        grown[:, 1:] |= region[:, :-1]
        grown[:, :-1] |= region[:, 1:]
        grown &= mask
    return region
