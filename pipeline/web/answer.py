"""A picture's bytes in, what the page shows of it out: one at a time, the model loaded once.

Input: the content of any picture that stages/data/photos.py reads. Output: JSON values. Invariant: the network never
gets more pixels than the limit; a larger picture is scaled down to it while it is decoded, and the labels have that
size. Above Pillow's own limit pictures are refused by their header.
"""

import base64
import io
import warnings
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags, Image

from stages.data.images import Pixels
from stages.data.photos import FORMATS, HUGE, decode_photo
from stages.score.pictures import save_label_png

if TYPE_CHECKING:
    from stages.model.inference import SceneParser

OTHER = "other"  # annotation value 0
UPRIGHT, ON_THEIR_SIDE = 1, (5, 6, 7, 8)  # EXIF orientations


@dataclass(frozen=True)
class Segmenter:
    """A model, its name, and how large pictures may be before they are scaled down."""

    parser: "SceneParser"
    name: str
    max_megapixels: int

    def warm_up(self) -> None:
        """Compile the model for the pictures that are likely, those of training's size."""
        side = self.parser.card.preprocessing.size
        self.parser.annotate(np.zeros((side, side, 3), np.uint8))

    def classes(self) -> list[dict[str, Any]]:
        """Number, name and colour of the classes by annotation value, `other` first."""
        names = (OTHER, *self.parser.classes)
        colours = (f"#{colour.tobytes().hex()}" for colour in self.parser.colours)
        rows = enumerate(zip(names, colours, strict=True))
        return [{"class_id": value, "name": name, "colour": colour} for value, (name, colour) in rows]

    def answer(self, content: bytes) -> dict[str, Any]:
        """Size, legend and labels of a picture. Raises ValueError for what is none, TooLargeError for large ones.

        `labels` is the 8-bit palette PNG that `sceneparse predict` writes; `values` are the same numbers without a
        format, row by row, deflated: a browser's canvas may change what it decodes. `picture` is null where browsers
        show the picture as it was decoded here. All three are in base64. `height` and `width` are theirs; those of the
        picture that came are `original_height` and `original_width`.
        """
        picture = decode_photo(content, HUGE, self.max_megapixels * 10**6)
        annotation = self.parser.annotate(picture)  # [H, W]
        (height, width), (original, shown) = annotation.shape, _header(content)
        pixels = np.bincount(annotation.ravel(), minlength=1 + len(self.parser.classes))
        legend = [{**row, "share": int(pixels[row["class_id"]]) / annotation.size} for row in self.classes()]
        file = io.BytesIO()
        save_label_png(file, annotation, self.parser.colours)
        return {
            "height": height,
            "width": width,
            "original_height": original[0],
            "original_width": original[1],
            "legend": sorted((row for row in legend if row["share"]), key=lambda row: -row["share"]),
            "labels": _base64(file.getvalue()),
            "values": _base64(zlib.compress(annotation.tobytes(), 1)),
            "picture": None if shown and original == (height, width) else _base64(_as_jpeg(picture)),
        }


def _header(content: bytes) -> tuple[tuple[int, int], bool]:
    """Upright height and width of a picture that can be decoded, and whether browsers show it as it is decoded here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            turn = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
            # Browsers turn JPEGs by their EXIF; of other formats not all do, and most show no TIFF.
            shown = image.format == "JPEG" or not (turn != UPRIGHT or image.format == "TIFF")
            return image.size if turn in ON_THEIR_SIDE else (image.height, image.width), shown


def _as_jpeg(picture: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=90)
    return file.getvalue()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
