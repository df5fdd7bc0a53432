"""A mask of another dataset -> an annotation: 8-bit, 0 = other, 1..N = classes, by the values or colours of a legend.

Of a palette picture the indices are values, and the palette's entries colours. A code that the legend does not have
is never guessed at: it is counted, and becomes 0.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipeline.own_data.legend import Legend
from stages.data.images import DEPTH_AND_TYPE, Pixels

LOSSLESS = ("PNG", "BMP", "TIFF", "GIF")
UNKNOWN = 255  # in the look-up table: no class has this number


def annotate(path: Path, legend: Legend) -> tuple[Pixels, dict[int, int]]:
    """Annotation values, uint8 [H, W], and the number of pixels of each code that is not in the legend.

    Raises what Pillow raises for a damaged picture, and ValueError for one that is no such mask.
    """
    codes = _colours(path) if legend.by_colour else _values(path)  # [H, W]
    annotation = _lookup(legend)[codes]
    unknown = annotation == UNKNOWN
    annotation[unknown] = 0
    found, counts = np.unique(codes[unknown], return_counts=True)
    return annotation, dict(zip(found.tolist(), counts.tolist(), strict=True))


def _values(path: Path) -> npt.NDArray[np.uint16]:
    """uint16 [H, W]."""
    with Image.open(path, formats=LOSSLESS) as mask:
        # Pillow stretches grayscale of 2 and 4 bits to 0..255: the values are lost.
        stretched = mask.format == "PNG" and mask.mode == "L" and path.read_bytes()[DEPTH_AND_TYPE][0] != 8
        if stretched or not (mask.mode in ("L", "P", "1") or mask.mode.startswith("I;16")):
            raise ValueError(
                f"expected a palette, 1-bit, 8-bit or 16-bit grayscale picture for values, got mode {mask.mode}"
                + (" of less than 8 bits" if stretched else "")
            )
        return np.asarray(mask).astype(np.uint16)  # of 1-bit pictures: False, True


def _colours(path: Path) -> npt.NDArray[np.uint32]:
    """uint32 [H, W], 0xRRGGBB."""
    with Image.open(path, formats=LOSSLESS) as mask:
        if mask.mode not in ("RGB", "P", "L", "1") and not (
            mask.mode == "RGBA" and mask.getchannel("A").getextrema() == (255, 255)
        ):
            raise ValueError(f"expected an opaque RGB or palette picture for colours, got mode {mask.mode}")
        red, green, blue = np.moveaxis(np.asarray(mask.convert("RGB")).astype(np.uint32), -1, 0)
        codes: npt.NDArray[np.uint32] = red << 16 | green << 8 | blue
        return codes


@lru_cache(maxsize=1)
def _lookup(legend: Legend) -> Pixels:
    """uint8, by code: 16 MB for colours."""
    table = np.full(2**24 if legend.by_colour else 2**16, UNKNOWN, np.uint8)
    for code, number in legend.codes:
        table[code] = number
    return table
