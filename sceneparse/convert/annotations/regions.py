"""Regions of a picture, as annotation tools draw them; each paints itself.

Coordinates are pixels, x to the right and y down, (0, 0) is the upper left corner. They are rounded down, and a
polygon's border belongs to it: as in Pillow, and in labelme, which uses it.
"""

import base64
import binascii
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from pydantic import Field

from sceneparse.convert.annotations.rle import Bits, coco_counts, runs_to_mask
from sceneparse.dataset.pairs import DAMAGE
from sceneparse.dataset.photos import Size
from sceneparse.dataset.picture_formats import LOSSLESS, open_picture, read_picture, reading

FARTHEST = 1_000_000  # pixels from the corner: no picture is as large
ROUNDING = 1e-6  # of a pixel: 29 may come out of a percentage as 28.99999999

Side = Annotated[int, Field(ge=0, le=FARTHEST)]  # width or height in a file; 0: not given
Points = npt.NDArray[np.float64]  # [N, 2], x and y


@dataclass(frozen=True, eq=False)
class Rings:
    """The union of polygons; if one crosses itself, the even-odd rule tells its inside."""

    rings: tuple[Points, ...]

    def paint(self, canvas: Image.Image, number: int) -> bool:
        """Paint with a number on a picture of mode L; return False if all lies outside."""
        within = False
        for ring in self.rings:
            corners = np.floor(ring + ROUNDING)
            if (corners.max(0) >= 0).all() and (corners.min(0) < canvas.size).all():
                ImageDraw.Draw(canvas).polygon([(int(x), int(y)) for x, y in corners.tolist()], number, number)
                within = True
        return within


@dataclass(frozen=True, eq=False)
class Mask:
    """Pixels, with the place of their upper left corner; `file` is the mask's own file, if it has one.

    `decode` returns bool [H, W] for a picture of the size it gets. It raises ValueError if the mask does not fit or is
    damaged.
    """

    decode: Callable[[Size], Bits]
    left: int = 0
    top: int = 0
    file: Path | None = None

    def paint(self, canvas: Image.Image, number: int) -> bool:
        """Paint with a number on a picture of mode L; return False if all lies outside. Raises ValueError."""
        bits = self.decode(canvas.size)
        stencil = Image.fromarray(np.where(bits, np.uint8(255), np.uint8(0)))
        canvas.paste(number, (self.left, self.top, self.left + bits.shape[1], self.top + bits.shape[0]), stencil)
        return bool(bits[max(-self.top, 0) : canvas.height, max(-self.left, 0) : canvas.width].any())


Region = Rings | Mask


def ring(numbers: Sequence[float]) -> Points:
    """Return the points of a polygon from x, y, x, y … Raises ValueError."""
    try:
        points = np.asarray(numbers, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"expected numbers: {error}") from None
    if points.ndim != 1 or len(points) % 2:
        raise ValueError(f"expected x, y, x, y …, got {points.size} numbers")
    if not np.isfinite(points).all() or np.abs(points).max(initial=0) > FARTHEST:
        odd = points[~(np.abs(points) <= FARTHEST)][0]
        raise ValueError(f"coordinates that are no pixels of a picture: {odd:g}")
    return points.reshape(-1, 2)


def rectangle(left: float, top: float, right: float, bottom: float, turn: float = 0, about: str = "centre") -> Rings:
    """Return a rectangle, turned clockwise by degrees about its centre, or about its upper left corner."""
    corners = ring([left, top, right, top, right, bottom, left, bottom])
    if not math.isfinite(turn):
        raise ValueError(f"a turn by {turn} degrees")
    if turn:
        cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        centre = corners[0] if about == "corner" else corners.mean(0)
        corners = (corners - centre) @ np.array([[cosine, sine], [-sine, cosine]]) + centre
    return Rings((corners,))


def ellipse(x: float, y: float, wide: float, high: float, turn: float = 0) -> Mask:
    """Return an ellipse from its centre and two radii, turned clockwise by degrees. Raises ValueError."""
    ring([x, y, wide, high])
    if min(wide, high) < 0 or not math.isfinite(turn):
        raise ValueError(f"an ellipse of radii {wide:g} and {high:g}, turned by {turn:g}")
    return Mask(partial(_ellipse_bits, x, y, wide, high, turn))


def _ellipse_bits(x: float, y: float, wide: float, high: float, turn: float, size: Size) -> Bits:
    down, right = np.arange(size[1])[:, None] - y, np.arange(size[0]) - x
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    along, across = (right * cosine + down * sine), (down * cosine - right * sine)
    inside: Bits = (along / (wide + 0.5)) ** 2 + (across / (high + 0.5)) ** 2 <= 1  # a border of a pixel belongs to it
    return inside


def run_lengths(
    counts: Sequence[int] | str, height: int, width: int, by_columns: bool, left: int = 0, top: int = 0
) -> Mask:
    """Return a mask from run lengths: COCO's of a whole picture, `by_columns`, or CVAT's of a box within it.

    COCO's compressed run lengths are text.
    """
    return Mask(partial(_run_bits, counts, height, width, by_columns), left, top)


def _run_bits(counts: Sequence[int] | str, height: int, width: int, by_columns: bool, size: Size) -> Bits:
    fits = (width, height) == size if by_columns else 0 < height <= size[1] and 0 < width <= size[0]
    if not fits:
        raise ValueError(f"run lengths of {width} x {height} pixels, but the picture has {size_text(size)}")
    return runs_to_mask(coco_counts(counts) if isinstance(counts, str) else counts, height, width, by_columns)


def stamp(text: str, left: int, top: int) -> Mask:
    """Return a mask of labelme: a PNG as base64, at its upper left corner."""
    return Mask(partial(_stamp_bits, text), left, top)


def _stamp_bits(text: str, _: Size) -> Bits:
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"a mask that is no base64: {error}") from None
    try:
        with reading(), open_picture(content, formats=("PNG",)) as mask:
            return _two_values(mask)
    except ValueError as error:
        raise ValueError(f"a mask that is no PNG: {error}") from None


def mask_file(path: Path) -> Mask:
    """Return the mask in a file of one class, or of one of its objects."""
    return Mask(partial(_file_bits, path), file=path)


def _file_bits(path: Path, size: Size) -> Bits:
    try:
        with reading(), open_picture(read_picture(path), formats=LOSSLESS) as mask:
            if mask.size != size:
                raise ValueError(f"{size_text(mask.size)} pixels, but the picture has {size_text(size)}")
            return _two_values(mask)
    except DAMAGE as error:
        raise ValueError(f"{path}: {error}") from None


def _two_values(mask: Image.Image) -> Bits:
    """Return where a mask of two values is not black; or not transparent, if its transparency varies."""
    if mask.mode in ("LA", "PA", "RGBA") or "transparency" in mask.info:
        alpha = np.asarray(mask.convert("RGBA").getchannel("A"))
        if alpha.min() < alpha.max():
            return _nonzero(alpha)
        mask = mask.convert("RGBA").convert("RGB")
    values = np.asarray(mask if mask.mode in ("1", "L", "P", "I;16", "I") else mask.convert("RGB")).astype(np.int64)
    return _nonzero(values if values.ndim == 2 else values @ (1 << 16, 1 << 8, 1))


def _nonzero(values: npt.NDArray[np.generic]) -> Bits:
    kinds = np.unique(values)
    if len(kinds) > 2 or (len(kinds) == 2 and kinds[0] != 0):
        raise ValueError(
            f"expected a mask of one class: 0 and one other value, got {len(kinds)} values; export it without smoothing"
        )
    mask: Bits = values != 0
    return mask


def size_text(size: Size) -> str:
    """Return a size as errors name it."""
    return f"{size[0]} x {size[1]}"
