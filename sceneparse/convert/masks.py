"""A mask of another dataset -> an annotation: 8-bit, 0 = other, 1..N = classes, by the values or colours of a legend.

A palette picture's indices are values, and its palette's entries colours; a colour picture whose channels are equal
(R = G = B) holds values. Where an alpha channel is 0, the value is 0, whatever it hides. A value that the file declares
transparent, as an entry of its palette or one gray, hides nothing and stays: 255 may mean 'ignored' and 0 a class. Read
by colour, fully transparent pixels are black, and all others keep their colours. A code that the legend lacks is
counted and becomes 0, unless a tolerance is given and the legend has a code within it.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from sceneparse.convert.hints import UnfitError
from sceneparse.convert.mask_legend import Legend
from sceneparse.dataset.images import Pixels
from sceneparse.dataset.picture_formats import LOSSLESS, bits_per_sample, open_picture, read_picture, reading

FORMATS = (*LOSSLESS, "JPEG")
LOSSY = ("JPEG", "MPO")  # a JPEG of several frames opens as MPO
UNKNOWN = 255  # in the look-up table: no class has this number
LARGEST = 2**31  # in 32-bit masks: values beyond mark missing data
CHUNK = 4096  # codes per comparison: 12 MB with 254 colours


@dataclass(frozen=True)
class Notes:
    """Counts about one mask: its pixels, those of each code that the legend lacks, and those moved to a near code.

    `numbers`: the annotation values. `entries`: the colours of the palette's entries in use, by value, if values were
    read. `drawn`: lines about shapes, with counts.
    """

    pixels: int = 0
    numbers: frozenset[int] = frozenset()
    unknown: dict[int, int] = field(default_factory=dict)
    moved: int = 0
    entries: dict[int, int] = field(default_factory=dict)
    drawn: dict[str, int] = field(default_factory=dict)


def annotate(path: Path, legend: Legend, tolerance: int | None = None) -> tuple[Pixels, Notes]:
    """Return annotation values, uint8 [H, W], and notes.

    Raises OSError and ValueError for a damaged picture, and UnfitError for one that is no such mask.
    """
    content = read_picture(path)
    with reading(), open_picture(content, formats=FORMATS) as mask:
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
    present = frozenset(np.flatnonzero(np.bincount(annotation.reshape(-1))).tolist())
    return annotation, Notes(annotation.size, present, left, int(counts[moved].sum()), entries)


def nearest(codes: npt.NDArray[np.int64], legend: Legend, tolerance: int) -> Pixels:
    """Return annotation values, uint8 [K], for K codes; UNKNOWN for those without a class within the tolerance.

    No channel (or value) may differ by more than the tolerance. The code nearest in RGB counts, and among equally near
    ones the first in the table.
    """
    known = _channels(np.array([code for code, _ in legend.codes], np.int64), legend)  # [N, 1 or 3]
    numbers = np.array([number for _, number in legend.codes], np.uint8)
    parts = [np.zeros(0, np.uint8)]
    for start in range(0, len(codes), CHUNK):
        apart = _channels(codes[start : start + CHUNK], legend)[:, None] - known  # [K, N, 1 or 3]
        within = np.abs(apart).max(-1) <= tolerance
        distance = np.where(within, np.square(apart).sum(-1), np.iinfo(np.int64).max)
        parts.append(np.where(within.any(1), numbers[distance.argmin(1)], UNKNOWN).astype(np.uint8))
    return np.concatenate(parts)


def too_near(legend: Legend, tolerance: int) -> tuple[int, int] | None:
    """Return two codes of different classes within the tolerance of each other: a pixel's class would be ambiguous."""
    codes = _channels(np.array([code for code, _ in legend.codes], np.int64), legend)
    numbers = np.array([number for _, number in legend.codes])
    for index in range(1, len(codes)):
        apart = np.abs(codes[:index] - codes[index]).max(-1)
        near = np.flatnonzero((apart <= tolerance) & (numbers[:index] != numbers[index]))
        if len(near):
            return legend.codes[near[0]][0], legend.codes[index][0]
    return None


def colour_distance(first: int, second: int) -> int:
    """Return the squared distance of two colours, 0xRRGGBB, in RGB."""
    return sum(((first >> shift & 255) - (second >> shift & 255)) ** 2 for shift in (16, 8, 0))


def _channels(codes: npt.NDArray[np.int64], legend: Legend) -> npt.NDArray[np.int64]:
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1) if legend.by_colour else codes[:, None]


def _numbers(codes: npt.NDArray[np.integer[Any]], legend: Legend) -> Pixels:
    """Return annotation values, UNKNOWN for codes that the legend lacks."""
    table = _lookup(legend)
    if codes.dtype != np.int64:  # fewer bits: the table has an entry for each
        numbers: Pixels = table[codes]
        return numbers
    inside = (codes >= 0) & (codes < len(table))
    return np.where(inside, table[np.where(inside, codes, 0)], np.uint8(UNKNOWN))


@lru_cache(maxsize=1)
def _lookup(legend: Legend) -> Pixels:
    """Return annotation values, uint8, by code: 16 MB for colours."""
    table = np.full(2**24 if legend.by_colour else 2**16, UNKNOWN, np.uint8)
    for code, number in legend.codes:
        table[code] = number
    return table


def _values(mask: Image.Image, content: bytes, tolerance: int) -> npt.NDArray[Any]:
    """Return the values as integers, [H, W]. Raises UnfitError."""
    # Pillow stretches less than 8 bits to 0..255, and cuts 16 bits in several channels to 8: the values are lost.
    if mask.mode in ("L", "LA", "RGB", "RGBA") and (bits := bits_per_sample(mask, content)) != 8:
        raise UnfitError("depth", f"expected 8 bits a channel for values in mode {mask.mode}, got {bits}")
    if mask.mode in ("L", "P", "1") or mask.mode.startswith("I;16"):
        return np.asarray(mask).astype(np.uint16)  # 1-bit pictures: False, True
    if mask.mode in ("I", "F"):
        return _whole(np.asarray(mask))
    if mask.mode == "LA":
        gray, alpha = np.moveaxis(np.asarray(mask), -1, 0)
        return np.where(alpha == 0, np.uint8(0), gray).astype(np.uint16)
    if mask.mode not in ("RGB", "RGBA"):
        raise UnfitError("kind", f"expected values, got mode {mask.mode}")
    channels = np.asarray(_opaque(mask) if mask.mode == "RGBA" else mask)
    if np.ptp(channels, -1).max() > tolerance:
        raise UnfitError("colours", f"expected values, got colours (mode {mask.mode})")
    return channels[..., 1].astype(np.uint16)


def _whole(values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return 32-bit samples, int or float, as integers. Raises UnfitError."""
    odd = ~((values > -LARGEST) & (values < LARGEST) & (np.floor(values) == values))  # NaN too
    if odd.any():
        examples = ", ".join(f"{value:g}" for value in np.unique(values[odd])[:3].tolist())
        raise UnfitError("fractions", f"expected whole numbers, got {examples} in {int(odd.sum())} pixels")
    return values.astype(np.int64)


def _colours(mask: Image.Image) -> npt.NDArray[np.uint32]:
    """Return colours as 0xRRGGBB, uint32 [H, W]. Raises UnfitError."""
    if mask.mode not in ("RGB", "RGBA", "P", "PA", "L", "LA", "1"):
        raise UnfitError("kind", f"expected colours of 8 bits a channel, got mode {mask.mode}")
    red, green, blue = np.moveaxis(np.asarray(_opaque(mask)).astype(np.uint32), -1, 0)
    codes: npt.NDArray[np.uint32] = red << 16 | green << 8 | blue
    return codes


def _opaque(mask: Image.Image) -> Image.Image:
    """Return the mask as RGB, black where it is fully transparent."""
    if not mask.has_transparency_data:
        return mask.convert("RGB")
    pixels = np.array(mask.convert("RGBA"))
    pixels[pixels[..., 3] == 0] = 0
    return Image.fromarray(pixels[..., :3].copy())
