"""Anybody's picture as pixels: from a camera, a scanner or a drawing program to upright 8-bit RGB.

Input: the content of a JPEG, PNG, WebP, TIFF, BMP or GIF. Output: a uint8 array. Invariant: height and
width are those that a viewer shows. Pictures of a dataset have other rules, those of stages/data/images.py:
they lie as their annotations do, whatever their EXIF says.
"""

import io
import math
import struct
import threading
import warnings
from contextlib import ExitStack

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from stages.data.images import Pixels, resize_image

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")  # and no decoder that starts other programs
LONGEST = 65_500  # pixels of a side: what a JPEG can hold
LARGEST = 89_478_485  # pixels where Pillow begins to warn of decompression bombs: 256 MB as RGB
HUGE = 2 * LARGEST  # and where it refuses
WHITE = (255, 255, 255, 255)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # what makes a picture upright, by EXIF orientation


class TooLargeError(ValueError):
    """A picture above a limit."""


def decode_photo(content: bytes, largest: int = LARGEST, shrink_to: int = HUGE) -> Pixels:
    """Decode to RGB, uint8 [H, W, 3], turned as its EXIF says; of several frames the first.

    A picture of more than `shrink_to` pixels is scaled down to that many (antialiased bilinear); a JPEG by its decoder
    first, to 1/2, 1/4 or 1/8 of its sides as long as it stays large enough, which bounds memory.

    What is transparent becomes white, 16-bit gray keeps its upper 8 bits, CMYK is converted without its
    colour profile. Raises ValueError for what is no such picture, is cut off or has 32-bit samples, TooLargeError
    above `largest` pixels (up to HUGE). May be called in several threads at a time.
    """
    try:
        with _quiet:
            image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
            if max(image.size) > LONGEST:
                raise TooLargeError(
                    f"{image.width} x {image.height} pixels, a side exceeds the limit of {LONGEST} pixels"
                )
            if image.width * image.height > largest:
                raise TooLargeError(f"{image.width * image.height} pixels exceed the limit of {largest}")
            size = shrunk_size(*image.size, shrink_to)
            drafted = image.draft("RGB", size) if size != image.size else None
            image.load()
            # The decoder rounds sizes up: the box tells where, within its last pixels, the picture really ends.
            picture = resize_image(_rgb(image), *size, box=drafted[1] if drafted else None)
            # Not by ImageOps.exif_transpose, which writes the EXIF anew and fails where that is odd.
            turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
            return np.asarray(picture if turn is None else picture.transpose(turn))
    except UnidentifiedImageError:  # its message names an object in memory
        raise ValueError("not a picture, or cut off in its header") from None
    except Image.DecompressionBombError:  # of itself it says so as if it were an attack
        raise TooLargeError(f"more pixels than the limit of {HUGE}") from None
    # What Pillow raises for damaged pictures, by format.
    except (OSError, SyntaxError, struct.error) as error:
        raise ValueError(str(error)) from None


def shrunk_size(width: int, height: int, most: int) -> tuple[int, int]:
    """Width and height of a picture that is scaled down to at most so many pixels; its own if it has no more."""
    if width * height <= most:
        return width, height
    scale = math.sqrt(most / (width * height))
    return max(1, min(int(width * scale), most)), max(1, min(int(height * scale), most))


class _Quiet:
    """Without Pillow's warnings of damaged metadata: viewers show the picture all the same.

    Filters of warnings belong to the whole process: the first thread that comes sets them, the last that goes resets.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._filters = threading.Lock(), 0, ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._filters.enter_context(warnings.catch_warnings())
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._filters.close()


_quiet = _Quiet()


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        samples, transparent = np.asarray(image), image.info.get("transparency")  # PNG names one gray
        image = Image.fromarray(np.where(samples == transparent, 255, samples >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("32 bits a sample: where black and white lie is not known")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    return image if image.mode == "RGB" else image.convert("RGB")
