"""Regions of a picture, as annotation tools draw them; each paints itself.

Coordinates are pixels, x to the right and y down, (0, 0) is the upper left corner. They are rounded down, and a
polygon's border belongs to it: as Pillow draws, and labelme by it.
"""

import base64
import binascii
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from pydantic import Field

from sceneparse.convert.annotations.rle import Bits, brush_to_mask, coco_counts, runs_to_mask
from sceneparse.dataset.pairs import DAMAGE
from sceneparse.dataset.picture_formats import reading

FARTHEST = 1_000_000  # pixels from the corner: no picture is as large
ROUNDING = 1e-6  # of a pixel: 29 may come out of a percentage as 28.99999999
MASK_FORMATS = ("PNG", "BMP", "TIFF", "GIF")

Side = Annotated[int, Field(ge=0, le=FARTHEST)]  # width or height as files tell it; 0: not told
Points = npt.NDArray[np.float64]  # [N, 2], x and y


class Region(ABC):
    """A part of a picture."""

    @abstractmethod
    def paint(self, canvas: Image.Image, number: int) -> int:
        """Paint it with a number, on a picture of mode L; return 0 where all of it lies outside.

        Raises ValueError, and what Pillow raises for a damaged file, where it does not fit the picture.
        """


@dataclass(frozen=True, eq=False)
class Rings(Region):
    """The union of polygons; where one crosses itself, the even-odd rule says what is inside."""

    rings: tuple[Points, ...]

    def paint(self, canvas: Image.Image, number: int) -> int:
        """Draw each polygon."""
        within = 0
        for ring in self.rings:
            corners = np.floor(ring + ROUNDING)
            if (corners.max(0) >= 0).all() and (corners.min(0) < canvas.size).all():
                ImageDraw.Draw(canvas).polygon([(int(x), int(y)) for x, y in corners.tolist()], number, number)
                within += 1
        return within


class Mask(Region):
    """A region that comes as pixels."""

    left = 0
    top = 0

    @abstractmethod
    def bits(self, size: tuple[int, int]) -> Bits:
        """Decode it, bool [H, W], for a picture of this width and height. Raises as paint does."""

    def paint(self, canvas: Image.Image, number: int) -> int:
        """Paint its pixels; others stay."""
        bits = self.bits(canvas.size)
        canvas.paste(number, (self.left, self.top, self.left + bits.shape[1], self.top + bits.shape[0]), _image(bits))
        return int(bits[max(-self.top, 0) : canvas.height, max(-self.left, 0) : canvas.width].any())


@dataclass(frozen=True, eq=False)
class Ellipse(Mask):
    """A centre and two radii, turned clockwise by degrees; its border of a pixel belongs to it."""

    x: float
    y: float
    wide: float
    high: float
    turn: float

    def bits(self, size: tuple[int, int]) -> Bits:
        """Compute which pixels lie within."""
        down, right = np.arange(size[1])[:, None] - self.y, np.arange(size[0]) - self.x
        cosine, sine = math.cos(math.radians(self.turn)), math.sin(math.radians(self.turn))
        along, across = (right * cosine + down * sine), (down * cosine - right * sine)
        inside: Bits = (along / (self.wide + 0.5)) ** 2 + (across / (self.high + 0.5)) ** 2 <= 1
        return inside


@dataclass(frozen=True, eq=False)
class Runs(Mask):
    """Run lengths, COCO's (`by_columns`; compressed ones as text) or CVAT's, with the place of their upper left."""

    counts: Sequence[int] | str
    height: int
    width: int
    by_columns: bool
    left: int = 0
    top: int = 0

    def bits(self, size: tuple[int, int]) -> Bits:
        """Decode them."""
        if not (0 < self.height <= size[1] and 0 < self.width <= size[0]):
            raise ValueError(f"run lengths of {self.width} x {self.height} pixels, but the picture has {shown(size)}")
        counts = coco_counts(self.counts) if isinstance(self.counts, str) else self.counts
        return runs_to_mask(counts, self.height, self.width, self.by_columns)


@dataclass(frozen=True, eq=False)
class Brush(Mask):
    """A stroke of Label Studio's brush."""

    content: bytes

    def bits(self, size: tuple[int, int]) -> Bits:
        """Decode it."""
        return brush_to_mask(self.content, size[1], size[0])


@dataclass(frozen=True, eq=False)
class Stamp(Mask):
    """A mask of labelme: a PNG as base64, with the place of its upper left corner."""

    text: str
    left: int
    top: int

    def bits(self, size: tuple[int, int]) -> Bits:
        """Decode it."""
        try:
            content = base64.b64decode(self.text, validate=True)
        except binascii.Error as error:
            raise ValueError(f"a mask that is no base64: {error}") from None
        try:
            with reading(), Image.open(io.BytesIO(content), formats=("PNG",)) as mask:
                return two_values(mask)
        except ValueError as error:
            raise ValueError(f"a mask that is no PNG: {error}") from None


@dataclass(frozen=True, eq=False)
class MaskFile(Mask):
    """A file that holds the mask of one class, or of one of its objects."""

    path: Path

    def bits(self, size: tuple[int, int]) -> Bits:
        """Read it."""
        try:
            with reading(), Image.open(self.path, formats=MASK_FORMATS) as mask:
                if mask.size != size:
                    raise ValueError(f"{shown(mask.size)} pixels, but the picture has {shown(size)}")
                return two_values(mask)
        except DAMAGE as error:
            raise ValueError(f"{self.path}: {error}") from None


def two_values(mask: Image.Image) -> Bits:
    """Read where a mask of two values, black and another, is not black; or not transparent, where it tells."""
    if mask.mode in ("LA", "PA", "RGBA") or "transparency" in mask.info:
        alpha = np.asarray(mask.convert("RGBA").getchannel("A"))
        if alpha.min() < alpha.max():
            return _bits(alpha)
        mask = mask.convert("RGBA").convert("RGB")
    values = np.asarray(mask if mask.mode in ("1", "L", "P", "I;16", "I") else mask.convert("RGB")).astype(np.int64)
    return _bits(values if values.ndim == 2 else values @ (1 << 16, 1 << 8, 1))


def _bits(values: npt.NDArray[np.generic]) -> Bits:
    kinds = np.unique(values)
    if len(kinds) > 2 or (len(kinds) == 2 and kinds[0] != 0):
        raise ValueError(
            f"expected a mask of one class: 0 and one other value, got {len(kinds)} values; export it without smoothing"
        )
    mask: Bits = values != 0
    return mask


def ring(numbers: Sequence[float]) -> Points:
    """Check x, y, x, y … of a polygon. Raises ValueError."""
    try:
        points = np.asarray(numbers, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"expected numbers: {error}") from None
    if points.ndim != 1 or len(points) % 2:
        raise ValueError(f"expected x, y, x, y …, got {points.size} numbers")
    if not np.isfinite(points).all() or np.abs(points).max(initial=0) > FARTHEST:
        raise ValueError(f"coordinates that are no pixels of a picture: {_odd(points)}")
    return points.reshape(-1, 2)


def rectangle(left: float, top: float, right: float, bottom: float, turn: float = 0, about: str = "centre") -> Rings:
    """Draw a rectangle, turned clockwise by degrees about its centre, or about its upper left corner."""
    corners = ring([left, top, right, top, right, bottom, left, bottom])
    return Rings((_turned(corners, corners[0] if about == "corner" else corners.mean(0), turn),))


def ellipse(x: float, y: float, wide: float, high: float, turn: float = 0) -> Region:
    """Make an ellipse of a centre and two radii, turned clockwise by degrees. Raises ValueError."""
    ring([x, y, wide, high])
    if min(wide, high) < 0 or not math.isfinite(turn):
        raise ValueError(f"an ellipse of radii {wide:g} and {high:g}, turned by {turn:g}")
    return Ellipse(x, y, wide, high, turn)


def _turned(points: Points, centre: Points, degrees: float) -> Points:
    if not math.isfinite(degrees):
        raise ValueError(f"a turn by {degrees} degrees")
    if not degrees:
        return points
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turned: Points = (points - centre) @ np.array([[cosine, sine], [-sine, cosine]]) + centre
    return turned


def _image(bits: Bits) -> Image.Image:
    return Image.fromarray(np.where(bits, np.uint8(255), np.uint8(0)))


def _odd(points: Points) -> str:
    return f"{points[~(np.abs(points) <= FARTHEST)][0]:g}"


def shown(size: tuple[int, int]) -> str:
    """A size as errors name it."""
    return f"{size[0]} x {size[1]}"
