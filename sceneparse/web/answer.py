"""A picture's bytes -> labels, legend and whatever else the page shows of it.

Input: the content of any picture. Output: JSON values. Invariant: decoding scales a picture above the limit down to it,
and the labels have that size. Pictures above Pillow's own limit are refused by their header, and thin ones that the
network would get at too large a size (`Described.fitted`) before it gets them.
"""

import base64
import io
import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from sceneparse.dataset.images import Pixels
from sceneparse.dataset.photos import LOST, Size, decode, decode_resized, picture_sizes
from sceneparse.dataset.picture_formats import open_picture
from sceneparse.scores.overlays import save_label_png
from sceneparse.scores.palette import heat_colours

if TYPE_CHECKING:
    from sceneparse.inference.parser import SceneParser

OTHER = "other"  # annotation value 0
DRAWN = {"alpha", "frames"}  # parts that browsers draw and the decoder leaves out: kinds of LOST (photos.py)


@dataclass(frozen=True)
class Segmenter:
    """A model, its name, and the size above which pictures are scaled down."""

    parser: "SceneParser"
    name: str
    max_megapixels: int

    def classes(self) -> list[dict[str, Any]]:
        """Return number, name and colour of the classes by annotation value, `other` first."""
        names = (OTHER, *self.parser.classes)
        rows = enumerate(zip(names, _hex(self.parser.colours), strict=True))
        return [{"class_id": value, "name": name, "colour": colour} for value, (name, colour) in rows]

    def answer(self, content: bytes, confidence: bool = False) -> dict[str, Any]:
        """Return size, legend and labels of a picture. Raises ValueError, and TooLargeError for large ones.

        `labels` is the 8-bit palette PNG that `sceneparse predict` writes; `values` are the same numbers without a
        format, row by row, deflated: a browser's canvas may change the values of a PNG. `picture` is null if browsers
        show the file as the decoder here does. All three are base64, of size `height` and `width`; the file's own size
        is `original_height` and `original_width`. `notes`: what the pixels leave out. With `confidence`, which takes
        longer, `percents` holds each pixel's confidence in the form of `values`; else it is null.
        """
        original, turned = picture_sizes(content)[1:]
        size = shrunk(original, self.max_megapixels * 10**6)
        decoded = decode(content) if size == original else decode_resized(content, *size)
        # Browsers turn JPEGs by their EXIF; not all turn other formats, and most show no TIFF.
        format = open_picture(content).format
        shown = size == original and (format == "JPEG" or not (turned or format == "TIFF"))
        picture, shown = np.asarray(decoded.image), shown and not DRAWN.intersection(decoded.lost)
        if confidence:
            annotation, percents = self.parser.annotate_with_confidence(picture)  # [H, W] each
        else:
            annotation, percents = self.parser.annotate(picture), None
        counts = np.bincount(annotation.ravel(), minlength=1 + len(self.parser.classes)).tolist()
        rows = zip(self.classes(), counts, strict=True)
        legend = [{**row, "pixels": count, "share": count / annotation.size} for row, count in rows if count]
        file = io.BytesIO()
        save_label_png(file, annotation, self.parser.colours)
        return {
            "height": annotation.shape[0],
            "width": annotation.shape[1],
            "original_height": original[1],
            "original_width": original[0],
            "legend": sorted(legend, key=lambda row: -row["pixels"]),
            "labels": _base64(file.getvalue()),
            "values": _deflated(annotation),
            "percents": None if percents is None else _deflated(percents),
            "picture": None if shown else _base64(_as_jpeg(picture)),
            "notes": [LOST[kind] for kind in decoded.lost],
        }


def heat() -> list[str]:
    """Return the colours of 0..100 percent."""
    return _hex(heat_colours())


def shrunk(size: Size, most: int) -> Size:
    """Return width and height of a picture scaled down to at most so many pixels, or its own size if it has no more."""
    width, height = size
    if width * height <= most:
        return size
    scale = math.sqrt(most / (width * height))
    return max(1, min(int(width * scale), most)), max(1, min(int(height * scale), most))


def _as_jpeg(picture: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()


def _hex(colours: Pixels) -> list[str]:
    return [f"#{colour.tobytes().hex()}" for colour in colours]


def _deflated(values: Pixels) -> str:
    return _base64(zlib.compress(values.tobytes(), 1))


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
