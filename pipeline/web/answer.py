"""A picture's bytes in, what the page shows of it out: one at a time, the model loaded once.

Input: the content of any picture that stages/data/photos.py reads. Output: JSON values. Invariant: sizes are looked
at in the picture's header before anything is decoded, so memory is bounded by the limit on pixels.
"""

import base64
import io
import warnings
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import ExifTags, Image

from stages.data.formats import FORMATS, TooLargeError
from stages.data.images import Pixels
from stages.data.photos import LOST, decode
from stages.score.pictures import save_label_png

if TYPE_CHECKING:
    from stages.model.inference import SceneParser

OTHER = "other"  # annotation value 0
SHOWN = 2048  # pixels of a side, of a picture that the browser cannot show itself
DRAWN = {"alpha", "frames"}  # what browsers draw, and the decoder leaves out: kinds of LOST


@dataclass(frozen=True)
class Segmenter:
    """A model, its name, and how large pictures may be."""

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
        show the picture as it was decoded here. All three are in base64. `notes` says what pixels leave out.
        """
        shown = self._looked_at(content)
        decoded = decode(content, largest=self.max_megapixels * 10**6)
        picture, shown = np.asarray(decoded.image), shown and not DRAWN.intersection(decoded.lost)
        annotation = self.parser.annotate(picture)  # [H, W]
        pixels = np.bincount(annotation.ravel(), minlength=1 + len(self.parser.classes))
        legend = [{**row, "share": int(pixels[row["class_id"]]) / annotation.size} for row in self.classes()]
        file = io.BytesIO()
        save_label_png(file, annotation, self.parser.colours)
        return {
            "height": annotation.shape[0],
            "width": annotation.shape[1],
            "legend": sorted((row for row in legend if row["share"]), key=lambda row: -row["share"]),
            "labels": _base64(file.getvalue()),
            "values": _base64(zlib.compress(annotation.tobytes(), 1)),
            "picture": None if shown else _base64(_as_jpeg(picture)),
            "notes": [LOST[kind] for kind in decoded.lost],
        }

    def _looked_at(self, content: bytes) -> bool:
        """Whether browsers show the picture as it is decoded here, judged by its header; checks its size."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                    self._check_size(*image.size)
                    turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
                    # Browsers turn JPEGs by their EXIF; of other formats not all do, and most show no TIFF.
                    return image.format == "JPEG" or not (turned or image.format == "TIFF")
        except TooLargeError:
            raise
        except Exception:  # Pillow's many: the decoder, which comes next, knows them and says what is wrong
            return True

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self.max_megapixels * 1e6:
            got = f"{width} x {height} pixels are {width * height / 1e6:.1f} megapixels"
            raise TooLargeError(f"{got}; at most {self.max_megapixels} are taken here")


def _as_jpeg(picture: Pixels) -> bytes:
    image, file = Image.fromarray(picture), io.BytesIO()
    image.thumbnail((SHOWN, SHOWN))
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
