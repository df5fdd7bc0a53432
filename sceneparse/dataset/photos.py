"""The one decoder: a picture file as upright 8-bit RGB, whoever asks.

Input: the content of a file of one of FORMATS. Output: pixels, and what of the file they leave out. Invariant: training
and use see the same pixels: all doors (prepare, evaluate, visualize, check, convert, export, predict, web, submit)
decode here, by one rule for each kind of picture. docs/pictures.md has the rules and their reasons.
"""

import io
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile

from sceneparse.dataset.images import Pixels, resize_image
from sceneparse.dataset.picture_formats import HUGE, LARGEST, open_picture, reading

Size = tuple[int, int]  # width, height

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # what makes a picture upright, by EXIF orientation
QUARTERS = tuple(TURNS[orientation] for orientation in (5, 6, 7, 8))  # exchange width and height

LOST = {
    "alpha": "transparency, or a fourth band, is left out",
    "frames": "only the first of several frames is used",
    "depth": "only the upper 8 bits of 16-bit samples are used",
    "cmyk": "CMYK is converted without its colour profile",
}  # what pixels can leave out, by kind
PNG_EXIF = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")  # where a PNG may hold EXIF
BITS_PER_SAMPLE, SAMPLES_PER_PIXEL = 258, 277  # tags of TIFF


class DepthError(ValueError):
    """A picture with 32 bits a sample."""


class Decoded(NamedTuple):
    """RGB pixels, what they leave out (kinds of LOST), and Pillow's mode of the file."""

    image: Image.Image
    lost: tuple[str, ...]
    mode: str


class Sizes(NamedTuple):
    """A picture's size as stored and upright; `turned`: whether its EXIF says that these are different pictures."""

    stored: Size
    upright: Size
    turned: bool


def picture_sizes(content: bytes) -> Sizes:
    """Sizes by the header alone, but for a PNG with EXIF, which is decoded. Raises ValueError."""
    image = open_picture(content)
    turn = _turn(image) if image.format != "PNG" or any(mark in content for mark in PNG_EXIF) else None
    return Sizes(image.size, _after(image.size, turn), turn is not None)


def decode(content: bytes, beside: Size | None = None, largest: int = HUGE) -> Decoded:
    """Decode a picture; `beside` is the size of its annotation, if it has one (see `_turn`).

    Raises ValueError, TooLargeError above `largest` pixels (up to HUGE). May be called in several threads at a time.
    """
    image = open_picture(content, largest)
    turn = _turn(image, beside)
    decoded = _rgb(image, content)
    return decoded if turn is None else decoded._replace(image=decoded.image.transpose(turn))


def decode_as_stored(content: bytes) -> Decoded:
    """Decode a picture whose results somebody compares with masks as stored, whatever its EXIF. Raises ValueError."""
    return _rgb(open_picture(content), content)


def decode_resized(
    content: bytes, width: int, height: int, interpolation: str = "bilinear", beside: Size | None = None
) -> Decoded:
    """Decode a picture and resize it, like `decode` and `resize_image`.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size, as long as it stays large enough: the decoder's
    own scaling, several times faster than resizing the rest of the way.
    """
    if interpolation == "nearest":
        decoded = decode(content, beside)
        return decoded._replace(image=resize_image(decoded.image, width, height, interpolation))
    image = open_picture(content)
    turn = _turn(image, beside)
    width, height = _after((width, height), turn)  # as stored
    scaled = image.draft("RGB", (width, height))
    decoded = _rgb(image, content)
    # The decoder rounds sizes up: the box tells where, within its last pixels, the picture really ends.
    rgb = resize_image(decoded.image, width, height, interpolation, box=scaled[1] if scaled else None)
    return decoded._replace(image=rgb if turn is None else rgb.transpose(turn))


def decode_photo(content: bytes, largest: int = LARGEST) -> Pixels:
    """Decode to RGB, uint8 [H, W, 3]. Raises ValueError, TooLargeError above `largest` pixels (up to HUGE)."""
    return np.asarray(decode(content, largest=largest).image)


def _turn(image: ImageFile.ImageFile, beside: Size | None = None) -> Image.Transpose | None:
    """What makes the picture stand as it is used: upright, as viewers show it.

    It stays as stored where its annotation, of size `beside`, fits only so: then the annotation was drawn on the
    stored picture. Where both would fit (half turns, mirrored or square pictures), it is upright.
    """
    if image.format == "TIFF":  # Pillow turns these itself, and the header's size is the upright one
        return None
    if image.format == "PNG":  # its EXIF may follow the pixels
        with reading():
            image.load()
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF, in any of many ways: there is no turn that a viewer could know of
        return None
    return None if beside == image.size != _after(image.size, turn) else turn


def _after(size: Size, turn: Image.Transpose | None) -> Size:
    return size[::-1] if turn in QUARTERS else size


def _rgb(image: ImageFile.ImageFile, content: bytes) -> Decoded:
    """Pixels as stored. Not by ImageOps.exif_transpose, which writes the EXIF again and fails where that is odd."""
    several, depth, more, mode = _several(image, content), _depth(image, content), _more_bands(image), image.mode
    with reading():
        image.load()
        rgb, see_through = _converted(image, depth)
    kinds = {"alpha": see_through or more, "frames": several, "depth": depth > 8, "cmyk": mode == "CMYK"}
    return Decoded(rgb, tuple(kind for kind, lost in kinds.items() if lost), mode)


def _converted(image: Image.Image, depth: int) -> tuple[Image.Image, bool]:
    """RGB, and whether transparency is left out."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image, False
    if image.mode in ("I", "F"):
        raise DepthError("32 bits a sample: where black and white lie is not known, so save it with 8 or 16")
    if image.mode.startswith("I;16"):
        samples = np.asarray(image)
        see_through = bool((samples == image.info.get("transparency", -1)).any())
        return Image.fromarray((samples >> (depth - 8)).astype(np.uint8)).convert("RGB"), see_through
    see_through = _see_through(image)
    image.info.pop("transparency", None)  # or Pillow looks for a colour that could stand for it
    return image.convert("RGB"), see_through


def _see_through(image: Image.Image) -> bool:
    if image.mode in ("LA", "PA", "RGBA"):
        band = image.getchannel("A")
    elif image.has_transparency_data:
        band = image.convert("RGBA").getchannel("A")
    else:
        return False
    return band.getextrema() != (255, 255)


def _more_bands(image: Any) -> bool:
    """Whether Pillow itself leaves out bands, as it does where a TIFF does not say what they are."""
    return image.format == "TIFF" and int(image.tag_v2.get(SAMPLES_PER_PIXEL, 1)) > len(image.getbands())


def _several(image: Any, content: bytes) -> bool:
    if image.format != "GIF":
        return bool(getattr(image, "is_animated", False))
    with suppress(Exception), reading():  # in another one, as it decodes the next frame, which may be damaged
        return bool(Image.open(io.BytesIO(content), formats=["GIF"]).is_animated)  # type: ignore[attr-defined]
    return False


def _depth(image: Any, content: bytes) -> int:
    """Bits a sample where there are more than 8, else 8; Pillow's mode tells of gray alone."""
    if image.format == "PNG":
        return 16 if content[24] == 16 else 8
    if image.format == "TIFF":
        return max(8, *map(int, image.tag_v2.get(BITS_PER_SAMPLE, (8,))))
    return 8
