"""Decoder of picture files: upright 8-bit RGB, the same for training and every command.

Input: the bytes of a file in one of FORMATS. Output: pixels, and the kinds of information that they lose. Invariant:
prepare, evaluate, visualize, check, convert, export, predict, web and submit all decode here, so training and use see
the same pixels. docs/pictures.md has the rules for each kind of picture and their reasons.
"""

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile

from sceneparse.dataset.images import Pixels, resize_image
from sceneparse.dataset.picture_formats import HUGE, bits_per_sample, open_picture, reading

Size = tuple[int, int]  # width, height

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by EXIF orientation: the operation that makes the picture upright
QUARTERS = tuple(TURNS[orientation] for orientation in (5, 6, 7, 8))  # exchange width and height

LOST = {
    "alpha": "transparency, or a fourth band, is left out",
    "frames": "only the first of several frames is used",
    "depth": "only the upper 8 bits of 16-bit samples are used",
    "cmyk": "CMYK is converted without its colour profile",
}  # information that decoding can lose, by kind
PNG_EXIF = (b"eXIf", b"Raw profile type exif")  # where a PNG may hold EXIF
XMP = ("xmp", "XML:com.adobe.xmp")  # Pillow's keys: it takes an orientation from XMP too, which viewers ignore
SAMPLES_PER_PIXEL = 277  # tag of TIFF


class DepthError(ValueError):
    """A picture with 32 bits per sample."""


class Decoded(NamedTuple):
    """RGB image, the information it lost (kinds of LOST), and Pillow's mode of the file."""

    image: Image.Image
    lost: tuple[str, ...]
    mode: str


class Sizes(NamedTuple):
    """Size of a picture as stored and upright; `turned`: whether its EXIF asks for a turn or a flip."""

    stored: Size
    upright: Size
    turned: bool


def picture_sizes(content: bytes) -> Sizes:
    """Return a picture's sizes from its header; a PNG with EXIF is decoded. Raises ValueError."""
    image = open_picture(content)
    turn = _turn(image) if image.format != "PNG" or any(mark in content for mark in PNG_EXIF) else None
    return Sizes(image.size, _after(image.size, turn), turn is not None)


def decode(content: bytes, beside: Size | None = None, largest: int = HUGE) -> Decoded:
    """Decode a picture; `beside` is the size of its annotation, if it has one (see `_turn`). Thread-safe.

    Raises ValueError, or TooLargeError above `largest` pixels (at most HUGE).
    """
    image = open_picture(content, largest)
    turn = _turn(image, beside)
    decoded = _rgb(image, content)
    return decoded if turn is None else decoded._replace(image=decoded.image.transpose(turn))


def decode_as_stored(content: bytes) -> Decoded:
    """Decode a picture but ignore its EXIF, to compare it with a mask as stored. Raises ValueError."""
    return _rgb(open_picture(content), content)


def decode_resized(
    content: bytes, width: int, height: int, interpolation: str = "bilinear", beside: Size | None = None
) -> Decoded:
    """Decode a picture and resize it, like `decode` and then `resize_image`.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that is still large enough, which is several times faster
    than decoding all of it.
    """
    if interpolation == "nearest":
        decoded = decode(content, beside)
        return decoded._replace(image=resize_image(decoded.image, width, height, interpolation))
    image = open_picture(content)
    turn = _turn(image, beside)
    width, height = _after((width, height), turn)  # as stored
    scaled = image.draft("RGB", (width, height))
    decoded = _rgb(image, content)
    # The decoder rounds sizes up; the box says where inside the last pixels the picture ends.
    rgb = resize_image(decoded.image, width, height, interpolation, box=scaled[1] if scaled else None)
    return decoded._replace(image=rgb if turn is None else rgb.transpose(turn))


def decode_photo(content: bytes, largest: int = HUGE) -> Pixels:
    """Decode to RGB, uint8 [H, W, 3]. Raises ValueError, or TooLargeError above `largest` pixels (at most HUGE)."""
    return np.asarray(decode(content, largest=largest).image)


def _turn(image: ImageFile.ImageFile, beside: Size | None = None) -> Image.Transpose | None:
    """Return the turn that makes the picture upright, as viewers show it, or None.

    The picture stays as stored where its annotation, of size `beside`, fits only the stored size: whoever annotated it
    saw it as stored. Where both sizes fit (half turns, mirrored or square pictures), it is turned.
    """
    if image.format == "TIFF":  # Pillow turns TIFFs itself, and their header's size is the upright one
        return None
    if image.format == "PNG":  # its EXIF may follow the pixels
        with reading():
            image.load()
    image.info = {key: value for key, value in image.info.items() if key not in XMP}
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF fails in many ways; viewers ignore it too
        return None
    return None if beside == image.size != _after(image.size, turn) else turn


def _after(size: Size, turn: Image.Transpose | None) -> Size:
    return size[::-1] if turn in QUARTERS else size


def _rgb(image: ImageFile.ImageFile, content: bytes) -> Decoded:
    """Decode as stored. (ImageOps.exif_transpose would rewrite the EXIF, and fails on odd metadata.)"""
    # Before the pixels are read. (Pillow's mode tells the depth only of gray pictures.)
    depth, mode = max(8, bits_per_sample(image, content)), image.mode
    animated, more = _is_animated(image, content), _more_bands(image)
    with reading():
        image.load()
        rgb, transparent = _converted(image, depth)
    kinds = {"alpha": transparent or more, "frames": animated, "depth": depth > 8, "cmyk": mode == "CMYK"}
    return Decoded(rgb, tuple(kind for kind, lost in kinds.items() if lost), mode)


def _converted(image: Image.Image, depth: int) -> tuple[Image.Image, bool]:
    """Return the image as RGB, and whether that loses transparency."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image, False
    if image.mode in ("I", "F"):
        raise DepthError("32 bits a sample: the values of black and white are unknown; save it with 8 or 16 bits")
    if image.mode.startswith("I;16"):
        samples = np.asarray(image)
        transparent = bool((samples == image.info.get("transparency", -1)).any())
        return Image.fromarray((samples >> (depth - 8)).astype(np.uint8)).convert("RGB"), transparent
    transparent = _is_transparent(image)
    image.info.pop("transparency", None)  # else Pillow searches for a colour to represent it
    return image.convert("RGB"), transparent


def _is_transparent(image: Image.Image) -> bool:
    if image.mode in ("LA", "PA", "RGBA"):
        band = image.getchannel("A")
    elif image.has_transparency_data:
        band = image.convert("RGBA").getchannel("A")
    else:
        return False
    return band.getextrema() != (255, 255)


def _more_bands(image: Any) -> bool:
    """Return whether Pillow drops bands, as it does with a TIFF's undeclared extra samples."""
    return image.format == "TIFF" and int(image.tag_v2.get(SAMPLES_PER_PIXEL, 1)) > len(image.getbands())


def _is_animated(image: Any, content: bytes) -> bool:
    if image.format != "GIF":
        return bool(getattr(image, "is_animated", False))
    with suppress(Exception), reading():  # on a second image: this decodes the next frame, which may be damaged
        second: Any = open_picture(content, formats=("GIF",))
        return bool(second.is_animated)
    return False
