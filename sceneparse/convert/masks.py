"""A mask of another dataset -> an annotation: 8-bit, 0 = other, 1..N = classes, by the values or colours of a legend.

Of a palette picture the indices are values, and the palette's entries colours; a colour picture whose channels are
equal (R = G = B) holds values. What is fully transparent is black, or the value 0, whatever lies below it; every
other pixel has its colour. A code that the legend does not have is never guessed at: it is counted, and becomes 0,
unless a tolerance was given and a code of the legend is within it.
"""

import io
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from sceneparse.convert.hints import UnfitError
from sceneparse.convert.mask_legend import Legend
from sceneparse.convert.nearest import nearest
from sceneparse.dataset.images import DEPTH_AND_TYPE, Pixels
from sceneparse.dataset.picture_formats import reading

FORMATS = ("PNG", "BMP", "TIFF", "GIF", "JPEG")
LOSSY = ("JPEG", "MPO")  # a JPEG of several frames opens as MPO
UNKNOWN = 255  # in the look-up table: no class has this number
LARGEST = 2**31  # of 32-bit masks: what is beyond marks no data


@dataclass(frozen=True)
class Notes:
    """What was noted of a mask: pixels, those of each code that the legend lacks, and those moved to a near code.

    `entries`: the colours of the palette's entries that occur, by value, where values were read. `drawn`: lines about
    shapes that were drawn, with counts.
    """

    pixels: int = 0
    unknown: dict[int, int] = field(default_factory=dict)
    moved: int = 0
    entries: dict[int, int] = field(default_factory=dict)
    drawn: dict[str, int] = field(default_factory=dict)


def annotate(path: Path, legend: Legend, tolerance: int | None = None) -> tuple[Pixels, Notes]:
    """Annotation values, uint8 [H, W], and notes.

    Raises OSError and ValueError for a damaged picture, and UnfitError for one that is no such mask.
    """
    content = path.read_bytes()
    with reading(), Image.open(io.BytesIO(content), formats=FORMATS) as mask:
        if mask.format in LOSSY and tolerance is None:
            raise UnfitError("jpeg", "a JPEG: it changes values and colours")
        codes = _colours(mask) if legend.by_colour else _values(mask, content, tolerance or 0)  # [H, W]
        palette = mask.getpalette() if mask.mode == "P" and not legend.by_colour else None
    annotation = _numbers(codes, legend)
    strange = annotation == UNKNOWN
    unknown, inverse, counts = np.unique(codes[strange].astype(np.int64), return_inverse=True, return_counts=True)
    moved = np.zeros(len(unknown), bool)
    if tolerance is not None:
        numbers = nearest(unknown, legend, tolerance)
        annotation[strange] = numbers[inverse.reshape(-1)]
        moved = numbers != UNKNOWN
    annotation[annotation == UNKNOWN] = 0
    entries = {}
    if palette is not None:
        colours = [*palette, *[0] * (768 - len(palette))]
        for value in np.unique(codes).tolist():
            entries[value] = int.from_bytes(bytes(colours[3 * value : 3 * value + 3]))
    left = dict(zip(unknown[~moved].tolist(), counts[~moved].tolist(), strict=True))
    return annotation, Notes(annotation.size, left, int(counts[moved].sum()), entries)


def _numbers(codes: npt.NDArray[np.integer[Any]], legend: Legend) -> Pixels:
    """Annotation values, UNKNOWN where the legend has none."""
    table = _lookup(legend)
    if codes.dtype != np.int64:  # of fewer bits: all are in the table
        numbers: Pixels = table[codes]
        return numbers
    inside = (codes >= 0) & (codes < len(table))
    return np.where(inside, table[np.where(inside, codes, 0)], np.uint8(UNKNOWN))


def _values(mask: Image.Image, content: bytes, tolerance: int) -> npt.NDArray[Any]:
    """Integers, [H, W]."""
    # Pillow stretches less than 8 bits to 0..255, and cuts 16 bits in several channels to 8: the values are lost.
    if mask.mode in ("L", "LA", "RGB", "RGBA") and (bits := _bits(mask, content)) != 8:
        raise UnfitError("depth", f"expected 8 bits a channel for values in mode {mask.mode}, got {bits}")
    if mask.mode in ("L", "P", "1") or mask.mode.startswith("I;16"):
        return np.asarray(mask).astype(np.uint16)  # of 1-bit pictures: False, True
    if mask.mode in ("I", "F"):
        return _whole(np.asarray(mask))
    if mask.mode == "LA":
        gray, alpha = np.moveaxis(np.asarray(mask), -1, 0)
        return np.where(alpha == 0, np.uint8(0), gray).astype(np.uint16)
    if mask.mode not in ("RGB", "RGBA"):
        raise UnfitError("kind", f"expected values, got mode {mask.mode}")
    channels = np.asarray(_opaque(mask))
    if np.ptp(channels, -1).max() > tolerance:
        raise UnfitError("colours", f"expected values, got colours (mode {mask.mode})")
    return channels[..., 1].astype(np.uint16)


def _bits(mask: Image.Image, content: bytes) -> int:
    """Bits a channel, as stored."""
    if mask.format == "PNG":
        return content[DEPTH_AND_TYPE][0]
    if isinstance(mask, TiffImagePlugin.TiffImageFile):
        return int(mask.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))[0])
    return 8


def _whole(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """32-bit samples, int or float, as integers."""
    odd = ~((values > -LARGEST) & (values < LARGEST) & (np.floor(values) == values))  # NaN too
    if odd.any():
        shown = ", ".join(f"{value:g}" for value in np.unique(values[odd])[:3].tolist())
        raise UnfitError("fractions", f"expected whole numbers, got {shown} in {int(odd.sum())} pixels")
    return values.astype(np.int64)


def _colours(mask: Image.Image) -> npt.NDArray[np.uint32]:
    """uint32 [H, W], 0xRRGGBB."""
    if mask.mode not in ("RGB", "RGBA", "P", "PA", "L", "LA", "1"):
        raise UnfitError("kind", f"expected colours of 8 bits a channel, got mode {mask.mode}")
    red, green, blue = np.moveaxis(np.asarray(_opaque(mask)).astype(np.uint32), -1, 0)
    codes: npt.NDArray[np.uint32] = red << 16 | green << 8 | blue
    return codes


def _opaque(mask: Image.Image) -> Image.Image:
    """RGB, black where the mask is fully transparent."""
    if not mask.has_transparency_data:
        return mask.convert("RGB")
    pixels = np.array(mask.convert("RGBA"))
    pixels[pixels[..., 3] == 0] = 0
    return Image.fromarray(pixels[..., :3].copy())


@lru_cache(maxsize=1)
def _lookup(legend: Legend) -> Pixels:
    """uint8, by code: 16 MB for colours."""
    table = np.full(2**24 if legend.by_colour else 2**16, UNKNOWN, np.uint8)
    for code, number in legend.codes:
        table[code] = number
    return table
