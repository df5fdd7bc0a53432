"""Pictures of annotations: coloured, laid over their image, outlined, scaled down and stored.

Input: uint8 arrays, RGB [H, W, 3] or annotation values [H, W], and the colours of
sceneparse/scores/palette.py. Output: arrays of the same kinds, or files. Invariant: scaling an annotation
takes nearest neighbours, so it shows no class that was not there.
"""

import base64
import io
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from sceneparse.dataset.images import Pixels, resize_image
from sceneparse.scores.palette import Colours

WEBP_QUALITY = 82
Number = TypeVar("Number", np.uint8, np.float32)
ROWS = 64  # drawn at a time: a large photo in floating point would take gigabytes


def colorize(annotation: Pixels, colours: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return each pixel's row of `colours` [N+1, C], as [H, W, C], by annotation values uint8 [H, W].

    Raises ValueError for values above N.
    """
    highest = int(annotation.max(initial=0))
    if highest >= len(colours):
        raise ValueError(f"expected annotation values 0..{len(colours) - 1}, got {highest}")
    return colours[annotation]


def overlay(image: Pixels, annotation: Pixels, colours: Colours, opacity: float) -> Pixels:
    """Lay the classes' colours over an RGB image of the same size; 'other' lets the image through.

    opacity 0..1 is the share of the colour. Returns uint8 [H, W, 3].
    """
    share = np.full((len(colours), 1), opacity, np.float32)
    share[0] = 0
    kept, added = 1 - share, share * colours
    mixed = np.empty_like(image)
    for start in range(0, len(image), ROWS):
        rows = slice(start, start + ROWS)
        sums = colorize(annotation[rows], added) + colorize(annotation[rows], kept) * image[rows]
        mixed[rows] = np.rint(sums, out=sums)
    return mixed


def outlined(image: Pixels, annotation: Pixels, width: int = 1) -> Pixels:
    """Return an RGB image [H, W, 3] with the boundaries between the annotation's values [H, W].

    Where two values meet, `width` pixels on the left or upper side are white, and as many on the other side are black:
    one of the two shows on any picture.
    """
    drawn = image.copy()
    bottom, right = annotation.shape[0] - 1, annotation.shape[1] - 1
    for shade, steps in ((0, range(1, width + 1)), (255, range(1 - width, 1))):
        for top in range(0, annotation.shape[0], ROWS):
            rows = annotation[top : top + ROWS + 1]
            y, x = np.nonzero(rows[:, :-1] != rows[:, 1:])
            for step in steps:
                drawn[top + y, np.clip(x + step, 0, right)] = shade
            y, x = np.nonzero(rows[:-1] != rows[1:])
            for step in steps:
                drawn[np.clip(top + y + step, 0, bottom), x] = shade
    return drawn


def shrink(pixels: Pixels, longest: int) -> Pixels:
    """Scale down so that no side is above `longest`; smaller pictures stay as they are.

    RGB is averaged (antialiased bilinear), annotation values take their nearest neighbour.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, longest / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = Image.fromarray(pixels)
    if pixels.ndim == 2:
        return np.asarray(picture.resize(size, Image.Resampling.NEAREST))
    return np.asarray(resize_image(picture, *size))


def data_url(kind: str, content: bytes) -> str:
    """Return a data URL, which holds a file's content in a page itself; `kind` is its type, such as image/png."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def photo_url(image: Pixels) -> str:
    """Return a data URL of an RGB picture, uint8 [H, W, 3], as lossy WebP: a fifth of a PNG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "WEBP", quality=WEBP_QUALITY, method=6)
    return data_url("image/webp", file.getvalue())


def save_label_png(file: Path | IO[bytes], annotation: Pixels, colours: Colours) -> None:
    """Write annotation values, uint8 [H, W], as an 8-bit palette PNG: viewers show the colours, the indices count."""
    picture = Image.fromarray(annotation)
    # This makes it mode P. All 256 entries: with a short palette Pillow packs several indices into a byte.
    picture.putpalette(colours.tobytes().ljust(3 * 256, b"\0"))
    picture.save(file, "PNG")
