"""Fit pictures and annotations into the training square; decode and encode annotations.

Input: Pillow images, and the bytes of annotations; sceneparse/dataset/photos.py decodes pictures. Images are resized
with an antialiased bilinear filter (or nearest neighbour, on request), annotations always with nearest neighbour and
the same geometry: resizing invents no annotation value.
"""

import math
import struct
import zlib
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from sceneparse.dataset.picture_formats import TooLargeError, open_picture, reading

Pixels = npt.NDArray[np.uint8]

# ImageNet's mean RGB. The network subtracts it, so this padding becomes zeros.
MEAN_RGB = (123.68, 116.779, 103.939)
PADDING_RGB = (124, 117, 104)

# Most training squares, size x size, in the pixels of a fitted picture: crop makes a thin one longer without end.
MOST_SQUARES = 64

# Bit depth and colour type in a PNG's header (PNG specification, 11.2.1 IHDR), and their values for 8-bit gray.
DEPTH_AND_TYPE = slice(24, 26)
GRAY_8 = bytes((8, 0))


class AnnotationKindError(ValueError):
    """An annotation that is not an 8-bit grayscale PNG."""


class Fit(NamedTuple):
    """Size to resize a picture to, and the position of its corner in the square (negative = cropped)."""

    width: int
    height: int
    left: int
    top: int


def fit(width: int, height: int, size: int, mode: str) -> Fit:
    """Return how a `prepare.mode` fits a width x height picture into a size x size square.

    squash ignores the aspect ratio; crop scales the short side to `size` and cuts off the rest evenly; letterbox
    scales the long side to `size` and pads evenly. Raises TooLargeError where crop would exceed MOST_SQUARES.
    """
    if mode == "squash":
        return Fit(size, size, 0, 0)
    side = min(width, height) if mode == "crop" else max(width, height)
    new_width, new_height = (max(1, round(length * size / side)) for length in (width, height))
    check_squares((width, height), (new_width, new_height), size, f"mode {mode}")
    return Fit(new_width, new_height, (size - new_width) // 2, (size - new_height) // 2)


def check_squares(picture: tuple[int, int], fitted: tuple[float, float], size: int, fitting: str) -> None:
    """Raise TooLargeError where a picture's fitted size has more pixels than MOST_SQUARES training squares.

    Sizes are width and height; `fitting` says in the error what made it as large.
    """
    if math.prod(fitted) > MOST_SQUARES * size * size:
        old, new = (f"{width:.0f} x {height:.0f}" for width, height in (picture, fitted))
        limit = f"{MOST_SQUARES} squares of {size} x {size}"
        raise TooLargeError(f"{old} pixels become {new} by {fitting}, more than {limit}")


def decode_annotation(content: bytes) -> Image.Image:
    """Decode an annotation: an 8-bit L image. Raises ValueError, or AnnotationKindError for another kind of picture."""
    annotation = open_picture(content)
    # Pillow's mode does not tell: it is L for 2 and 4 bits too, whose values Pillow scales, and for a gray JPEG.
    if annotation.format != "PNG" or content[DEPTH_AND_TYPE] != GRAY_8:
        got = f"{annotation.format} of mode {annotation.mode}"
        raise AnnotationKindError(f"expected an 8-bit grayscale PNG, got {got}")
    with reading():
        annotation.load()
    return annotation


def resize_image(
    image: Image.Image,
    width: int,
    height: int,
    interpolation: str = "bilinear",
    box: tuple[float, float, float, float] | None = None,
) -> Image.Image:
    """Resize an image, or its part in `box` (left, top, right, bottom): antialiased bilinear, or nearest.

    An image that already has this size is returned unchanged, whatever the box.
    """
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling[interpolation.upper()], box)


def place(picture: Image.Image, where: Fit, size: int, fill: int | tuple[int, int, int]) -> Image.Image:
    """Paste the resized picture into a size x size square filled with `fill`."""
    if picture.size == (size, size):
        return picture
    square = Image.new(picture.mode, (size, size), fill)
    square.paste(picture, (where.left, where.top))
    return square


def fit_pair(
    image: Image.Image, annotation: Image.Image, where: Fit, size: int, interpolation: str = "bilinear"
) -> tuple[Image.Image, Image.Image]:
    """Fit both into the square; padding is the mean colour in the image and 0 (ignored) in the annotation."""
    image = resize_image(image, where.width, where.height, interpolation)
    annotation = annotation.resize((where.width, where.height), Image.Resampling.NEAREST)
    return place(image, where, size, PADDING_RGB), place(annotation, where, size, 0)


def encode_annotation(annotation: Image.Image) -> bytes:
    """Encode an 8-bit L image as PNG.

    Pillow spends three quarters of its time choosing a filter for each row, which gains nothing on labels. This
    writes unfiltered rows.
    """
    width, height = annotation.size
    rows = np.zeros((height, 1 + width), np.uint8)  # each row begins with its filter, 0 = none
    rows[:, 1:] = np.asarray(annotation)
    header = struct.pack(">II", width, height) + GRAY_8 + bytes(3)  # deflated, filtered by rows, not interlaced
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), level=3)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
